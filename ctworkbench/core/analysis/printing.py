"""Sheets for print: a Word document (python-docx), and LaTeX tables with booktabs rules to be taken in by a paper."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from docx.document import Document

_LARGE_PT, _TINY_PT, _NOTE_PT = 8.5, 6.0, 7.0
_TABLE_CM, _CELL_CM = 26.0, 0.42  # room on the page; what a cell has beside its letters
_LETTER_CM_PER_PT = 0.0195  # mean width of Arial's letters and figures, bold ones included
_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "χ": r"$\chi$",
    "η": r"$\eta$",
    "ρ": r"$\rho$",
    "λ": r"$\lambda$",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "√": r"$\surd$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "–": "--",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_ROWS_OF_A_PAGE = 32
_RAISED = {"⁻": "-", **{raised: str(i) for i, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}}


def latex_table(sheet: TableSheet) -> str:
    """A `table` environment, or several of a sheet that no page holds; the document needs booktabs and graphicx."""
    headings, rows = sheet.printed()
    numeric = sheet.printed_numbers()
    caption = _without_number(sheet.caption)
    lines = [
        "% Made by CT Workbench. Research use only - not for diagnosis. Needs \\usepackage{booktabs,graphicx}.",
        "% Notes name tables by the numbers of the article; LaTeX numbers them by their place in the document.",
    ]
    for first in range(0, max(len(rows), 1), _ROWS_OF_A_PAGE):
        lines += [
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{tex(caption if first == 0 else caption.partition('. ')[0] + ' (continued).')}}}",
            *([rf"\label{{tab:{sheet.name.replace('_', '-')}}}"] if first == 0 else []),
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{@{{}}{''.join('r' if number else 'l' for number in numeric)}@{{}}}}",
            r"\toprule",
            " & ".join(tex(heading) for heading in headings) + r" \\",
            r"\midrule",
            *(" & ".join(tex(cell) for cell in row) + r" \\" for row in rows[first : first + _ROWS_OF_A_PAGE]),
            r"\bottomrule",
            r"\end{tabular}}",
        ]
        notes = _notes(sheet) if first + _ROWS_OF_A_PAGE >= len(rows) else []
        if notes:
            lines += [r"\par\medskip", r"\begin{minipage}{\linewidth}\footnotesize"]
            lines += [rf"{tex(note)}\par" for note in notes]
            lines.append(r"\end{minipage}")
        lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def latex_document(names: Sequence[str]) -> str:
    """A document of all tables, to look at them."""
    lines = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[a4paper,landscape,margin=2cm]{geometry}",
        r"\usepackage{booktabs,graphicx}",
        r"\begin{document}",
        *(rf"\input{{{name}}}\clearpage" for name in names),
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    """Text with LaTeX's special characters, Greek letters and powers written as it wants them."""
    found: list[str] = []
    for part in re.split("([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text):
        if part in ("²", "³"):
            found.append(_TEX[part])
        elif part and part[0] in _RAISED:
            found.append(f"$^{{{''.join(_RAISED[sign] for sign in part)}}}$")
        else:
            found.append("".join(_TEX.get(sign, sign) for sign in part))
    return "".join(found)


def docx_bytes(sheets: Sequence[TableSheet], notes: str) -> bytes:
    """A Word document in landscape: each table with its caption above and its notes below, then all notes."""
    from docx import Document as new_document
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    document = new_document()
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(1.8)
    document.core_properties.author, document.core_properties.title = "CT Workbench", "Tables"
    style: Any = document.styles["Normal"]
    style.font.name, style.font.size = "Arial", Pt(_LARGE_PT)
    style.paragraph_format.space_after = Pt(3)
    for sheet in sheets:
        _add_table(document, sheet)
    _paragraphs(document, notes)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _add_table(document: "Document", sheet: TableSheet) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    caption = document.add_paragraph()
    title, _, rest = sheet.caption.partition(". ")
    caption.add_run(f"{title}. ").bold = True
    caption.add_run(rest)
    caption.paragraph_format.keep_with_next = True
    headings, rows = sheet.printed()
    numeric = sheet.printed_numbers()
    size, widths = _widths(headings, rows)
    table: Any = document.add_table(rows=0, cols=len(headings))
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    for number, cells in enumerate([headings, *rows]):
        line = table.add_row()
        if number == 0:
            _repeat(line)
        for place, (cell, text) in enumerate(zip(line.cells, cells, strict=True)):
            cell.width = Cm(widths[place])
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(0)
            run = paragraph.add_run(text)
            run.font.size, run.bold = Pt(size), number == 0
            if numeric[place]:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _rules(cell, top=number == 0, bottom=number in (0, len(rows)))
    for note in _notes(sheet):
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.add_run(note).font.size = Pt(_NOTE_PT)
    document.add_page_break()


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """Size of the letters in points and width of each column in cm, so that no cell breaks where that can be."""
    longest = [max(1.2 * len(word) for word in heading.split()) for heading in headings]  # headings are bold
    longest = [max([length, *(len(row[i]) for row in rows)]) for i, length in enumerate(longest)]
    size = _LARGE_PT
    while True:
        widths = [count * size * _LETTER_CM_PER_PT + _CELL_CM for count in longest]
        if sum(widths) <= _TABLE_CM or size <= _TINY_PT:
            break
        size -= 0.5
    spare = _TABLE_CM / sum(widths)
    return size, [width * min(1.0, spare) for width in widths]


def _paragraphs(document: "Document", text: str) -> None:
    for line in text.splitlines():
        document.add_paragraph(line)


def _rules(cell: Any, top: bool, bottom: bool) -> None:
    """Lines above and below a cell: at the head and the foot of the table alone, as journals want them."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    if not (top or bottom):
        return
    borders: Any = OxmlElement("w:tcBorders")
    for edge in [name for name, wanted in (("top", top), ("bottom", bottom)) if wanted]:
        rule: Any = OxmlElement(f"w:{edge}")
        for key, value in (("val", "single"), ("sz", "6"), ("space", "0"), ("color", "000000")):
            rule.set(qn(f"w:{key}"), value)
        borders.append(rule)
    cell._tc.get_or_add_tcPr().append(borders)  # python-docx has no call for the rules of a cell


def _repeat(line: Any) -> None:
    """The heading stands again on every page that the table runs over."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark: Any = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    line._tr.get_or_add_trPr().append(mark)


def _without_number(caption: str) -> str:
    """LaTeX numbers tables itself."""
    return re.sub(r"^Table \d+\. ", "", caption)


def _notes(sheet: TableSheet) -> list[str]:
    """Notes of a sheet, and what it left out, one sentence each."""
    left_out: list[str] = []
    for entry in sheet.exclusions:
        children = count(len(entry.subjects), "child", "children")
        left_out.append(f"Left out: {count(entry.volumes, entry.unit)} of {children}, {entry.reason}.")
    return [*sheet.notes, *left_out]

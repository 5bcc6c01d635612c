"""Checklists and warnings as files: CSV, Markdown, DOCX, JSON."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ctworkbench.core.errors import StudyError
from ctworkbench.core.files import guarded, replace_bytes, replace_text
from ctworkbench.core.methods.checklist import FilledChecklist, FilledItem, State
from ctworkbench.core.methods.checks import CHECKS
from ctworkbench.core.methods.soundness import Assurance, SoundnessWarning
from ctworkbench.core.wording import label_map

RESEARCH = "Research use only – not for diagnosis."
_COLUMNS = ("checklist", "number", "section", "item", "state", "from_the_study", "by_the_authors", "still_to_write")
_WARNING_COLUMNS = ("severity", "check", "finding", "meaning", "what_to_do", "rests_on")


@dataclass(frozen=True)
class MethodsReport:
    """The checklists of a study and its warnings, from one reading.

    Attributes:
        made: day and time of that reading, for people.
        source: which label maps counted.
        scans: number of scans in the study.
    """

    study: str
    program: str
    made: str
    source: str
    scans: int
    checklists: tuple[FilledChecklist, ...]
    warnings: tuple[SoundnessWarning, ...]
    kept: tuple[Assurance, ...]

    def checklist(self, name: str) -> FilledChecklist:
        """The checklist of a name."""
        return next(filled for filled in self.checklists if filled.checklist.name == name)

    @property
    def data(self) -> dict[str, Any]:
        """The report as plain data, for programs."""
        return {
            "study": self.study,
            "program": self.program,
            "made": self.made,
            "source": self.source,
            "warnings": [asdict(warning) for warning in self.warnings],
            "kept": [asdict(row) for row in self.kept],
            "checklists": {
                filled.checklist.name: {
                    "title": filled.checklist.title,
                    "citation": filled.checklist.citation,
                    "reading": filled.checklist.reading,
                    "counts": {str(state): number for state, number in filled.counts.items()},
                    "items": [
                        dict(zip(_COLUMNS[1:], _cells(item), strict=True)) | {"applies": item.written.applies}
                        for item in filled.items
                    ],
                }
                for filled in self.checklists
            },
        }


def write(report: MethodsReport, out: Path) -> list[Path]:
    """Write each checklist as .csv, .md and .docx, the warnings as .csv and .md, and all as methods.json; the paths.

    Raises:
        StudyError: the folder cannot be written.
    """
    texts: dict[str, str] = {}
    for filled in report.checklists:
        texts[f"{filled.checklist.name}.csv"] = checklist_csv(filled)
        texts[f"{filled.checklist.name}.md"] = checklist_markdown(report, filled)
    texts["warnings.csv"] = warnings_csv(report.warnings)
    texts["warnings.md"] = warnings_markdown(report)
    import json

    texts["methods.json"] = json.dumps(report.data, indent=1, ensure_ascii=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_text(out / name, text)
        documents = [_write_docx(report, filled, out / f"{filled.checklist.name}.docx") for filled in report.checklists]
    except OSError as error:
        raise StudyError(
            f"The checklists cannot be written to {out}: {error}", "Choose a folder that can be written."
        ) from error
    return [*(out / name for name in texts), *documents]


def checklist_csv(filled: FilledChecklist) -> str:
    """One row an item."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    writer.writerows(guarded((filled.checklist.title, *_cells(item))) for item in filled.items)
    return stream.getvalue()


def warnings_csv(warnings: Sequence[SoundnessWarning]) -> str:
    """One row a warning, heaviest first."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_WARNING_COLUMNS)
    for row in warnings:
        rests_on = " | ".join(basis.text for basis in row.basis)
        writer.writerow(guarded((row.severity, row.check, row.title, row.meaning, row.remedy, rests_on)))
    return stream.getvalue()


def checklist_markdown(report: MethodsReport, filled: FilledChecklist) -> str:
    """The checklist as text: items by section with answer, authors' text and what is still to be written."""
    head = filled.checklist
    lines = [f"# {head.title}: {report.study}", "", f"{head.long_title}. {head.citation}", ""]
    lines += [*([head.reading] if head.reading else []), "", _summary(filled), "", _foot(report), ""]
    section = ""
    for item in filled.items:
        if item.item.section != section:
            section = item.item.section
            lines += [f"## {section}", ""]
        lines += [f"**{item.item.number}. {item.item.text}** – *{item.state}*", ""]
        for text in _paragraphs(item):
            lines += [text, ""]
    return "\n".join(lines)


def warnings_markdown(report: MethodsReport) -> str:
    """The warnings as text, heaviest first, and what could not go wrong."""
    lines = [f"# What does not add up: {report.study}", "", _foot(report), ""]
    if not report.warnings:
        found = f"None of the {len(CHECKS)} checks found anything." if report.scans else "The study holds no scans yet."
        lines += [found, ""]
    for row in report.warnings:
        head = f"## {row.severity.capitalize()}: {row.title}"
        lines += [head, "", row.meaning, "", f"**To do:** {row.remedy}", ""]
        lines += [f"- {basis.text}" for basis in row.basis] + [""]
    lines += ["## Kept by the program", ""]
    lines += [f"- **{row.title}.** {row.why}" for row in report.kept]
    return "\n".join(lines) + "\n"


def _cells(item: FilledItem) -> tuple[str, ...]:
    return (
        item.item.number,
        item.item.section,
        item.item.text,
        str(item.state),
        item.answer,
        item.written.text,
        item.needs,
    )


def _paragraphs(item: FilledItem) -> list[str]:
    """What is said for an item."""
    found = [item.answer] if item.answer and item.state is not State.NOT_APPLICABLE else []
    if item.written.text:
        found.append(item.written.text if item.written.applies else f"Does not apply: {item.written.text}")
    if item.needs:
        found.append(f"To be written by the authors: {item.needs}")
    return found


def _summary(filled: FilledChecklist) -> str:
    return "; ".join(f"{number} {state}" for state, number in filled.counts.items() if number) + "."


def _foot(report: MethodsReport) -> str:
    source = "the label maps that count" if report.source == "current" else f"each newest {label_map(report.source)}"
    return f"{RESEARCH} Read from the study on {report.made} by {report.program}; volumes of {source}."


def _write_docx(report: MethodsReport, filled: FilledChecklist, path: Path) -> Path:
    """A table of the items, as journals want it: number, item, what is said, where the authors report it."""
    from docx import Document
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    document: Any = Document()
    page = document.sections[0]
    page.orientation, page.page_width, page.page_height = WD_ORIENT.LANDSCAPE, page.page_height, page.page_width
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Cm(1.6)
    document.styles["Normal"].font.size = Pt(9)
    document.add_heading(f"{filled.checklist.title}: {report.study}", level=1)
    for text in (filled.checklist.citation, filled.checklist.reading, _summary(filled), _foot(report)):
        document.add_paragraph(text)
    widths = (Cm(1.3), Cm(6.0), Cm(2.4), Cm(13.2), Cm(2.6))
    table = document.add_table(rows=1, cols=len(widths))
    table.style = "Table Grid"
    table.autofit = False
    for cell, text in zip(table.rows[0].cells, ("No.", "Item", "State", "What is said", "Page"), strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    section = ""
    for item in filled.items:
        if item.item.section != section:
            section = item.item.section
            merged = table.add_row().cells
            merged[0].merge(merged[-1]).paragraphs[0].add_run(section).bold = True
        cells = table.add_row().cells
        said = "\n".join(_paragraphs(item))
        for cell, text in zip(cells, (item.item.number, item.item.text, str(item.state), said, ""), strict=True):
            cell.paragraphs[0].add_run(text)
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=False):
            cell.width = width
    content = io.BytesIO()
    document.save(content)
    replace_bytes(path, content.getvalue())
    return path

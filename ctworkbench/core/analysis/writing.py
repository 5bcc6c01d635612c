"""The files that the tables of a cohort are written to: CSV and JSON for machines, DOCX and LaTeX for print."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.core.analysis.tables import StatisticsTables, sheets
from ctworkbench.core.errors import StudyError
from ctworkbench.core.files import guarded, replace_bytes, replace_text
from ctworkbench.core.wording import count

TABLE_FORMATS = ("csv", "docx", "latex")
RESEARCH_USE = "Research use only - not for diagnosis."


def write(result: StatisticsTables, out: Path, formats: Sequence[str] = TABLE_FORMATS) -> list[Path]:
    """Write all tables, the notes as text and all of it as JSON; the paths written.

    Raises:
        StudyError: the folder cannot be written.
    """
    paths = write_sheets(sheets(result), out, formats, notes_text(result))
    try:
        replace_text(out / "statistics.json", result.model_dump_json(indent=1))
    except OSError as error:
        raise _cannot_write(out, error) from error
    return [*paths, out / "statistics.json"]


def write_sheets(
    sheets: Sequence[TableSheet], out: Path, formats: Sequence[str], notes: str, document: str = "tables"
) -> list[Path]:
    """Write sheets in some formats and their notes as `notes.txt`; the paths written.

    Args:
        sheets: what to write; NAME.csv and NAME.tex of each.
        out: the folder; made if there is none.
        formats: of "csv", "docx", "latex".
        notes: what stands in `notes.txt`, and at the end of the document.
        document: DOCUMENT.docx holds all sheets, DOCUMENT.tex takes in all NAME.tex.

    Raises:
        StudyError: the folder cannot be written.
    """
    from ctworkbench.core.analysis.printing import docx_bytes, latex_document, latex_table

    paths: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        if "csv" in formats:
            for sheet in sheets:
                paths.append(out / f"{sheet.name}.csv")
                replace_text(paths[-1], csv_text(sheet))
        if "latex" in formats:
            for sheet in sheets:
                paths.append(out / f"{sheet.name}.tex")
                replace_text(paths[-1], latex_table(sheet))
            paths.append(out / f"{document}.tex")
            replace_text(paths[-1], latex_document([sheet.name for sheet in sheets]))
        if "docx" in formats:
            paths.append(out / f"{document}.docx")
            replace_bytes(paths[-1], docx_bytes(sheets, notes))
        paths.append(out / "notes.txt")
        replace_text(paths[-1], notes)
    except OSError as error:
        raise _cannot_write(out, error) from error
    return paths


def csv_text(sheet: TableSheet) -> str:
    """A sheet as CSV (UTF-8, numbers in full, empty where there is none)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in sheet.columns])
    writer.writerows(map(guarded, sheet.rows))
    return text.getvalue()


def notes_text(result: StatisticsTables) -> str:
    """What a reader must know to use the tables, as plain text."""
    sources = ", ".join(result.sources) or "none"
    lines = [
        RESEARCH_USE,
        "",
        f"{count(result.n_scans, 'scan')} of {count(result.n_subjects, 'subject')}; labels from: {sources}.",
        "Volumes in cm³. SD with n - 1. Sex is coded 1 male, 2 female; age in years. Differences are right minus left.",
        "p is exact and two-sided; p_holm (Holm) and p_fdr (Benjamini and Hochberg) are corrected over the regions of",
        "one term (tables 3, 4), of one group of children (correlation), or over all tests of the table (table 5).",
        "Effect sizes: d = coefficient / residual SD; partial_eta2 = t² / (t² + df); d_z = mean difference / SD of the",
        "differences; d_av = mean difference / mean of both sides' SDs.",
        "",
        "Notes:",
        *(f"- {note}" for note in result.notes or ("none",)),
        "",
        "Left out:",
    ]
    lines += [
        f"- {entry.table}: {count(entry.volumes, entry.unit)}, {entry.reason}: {', '.join(entry.subjects)}"
        for entry in result.exclusions
    ]
    if not result.exclusions:
        lines.append("- nothing")
    if result.figures:
        lines += ["", "Figures:", *(f"- {caption}" for caption in result.figures)]
    if result.not_made:
        lines += ["", "Not made:", *(f"- {reason}" for reason in result.not_made)]
    return "\n".join(lines) + "\n"


def _cannot_write(out: Path, error: OSError) -> StudyError:
    return StudyError(f"The tables cannot be written to {out}: {error}", "Choose a folder that can be written.")

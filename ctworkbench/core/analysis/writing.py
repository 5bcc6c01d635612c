"""The files that the tables of a cohort are written to."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ctworkbench.core.analysis.descriptive import Description
from ctworkbench.core.analysis.hemispheres import Hemispheres
from ctworkbench.core.analysis.observations import Row
from ctworkbench.core.analysis.regression import Coefficient
from ctworkbench.core.analysis.tables import StatisticsTables
from ctworkbench.core.errors import StudyError
from ctworkbench.core.jobs import replace_text


def write(result: StatisticsTables, out: Path) -> list[Path]:
    """Write the tables as CSV (UTF-8, numbers in full), the notes as text and all of it as JSON; the paths written.

    Raises:
        StudyError: the folder cannot be written.
    """
    terms = tuple(row for row in result.coefficients if row.term != "intercept")
    parts: tuple[tuple[str, type[Row], Sequence[Row]], ...] = (
        ("table2_volumes_by_sex.csv", Description, result.descriptions),
        ("table3_4_regression.csv", Coefficient, (*terms, *(r for r in result.coefficients if r.term == "intercept"))),
        ("table5_hemispheres.csv", Hemispheres, result.hemispheres),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        paths = [_write_csv(out / name, kind, rows) for name, kind, rows in parts]
        texts = {"notes.txt": notes_text(result), "statistics.json": result.model_dump_json(indent=1)}
        for name, text in texts.items():
            replace_text(out / name, text)
    except OSError as error:
        raise StudyError(
            f"The tables cannot be written to {out}: {error}", "Choose a folder that can be written."
        ) from error
    return [*paths, *(out / name for name in texts)]


def notes_text(result: StatisticsTables) -> str:
    """What a reader must know to use the tables, as plain text."""
    sources = ", ".join(result.sources) or "none"
    lines = [
        "Research use only - not for diagnosis.",
        "",
        f"{result.n_scans} scans of {result.n_subjects} subjects; labels from: {sources}.",
        "Volumes in cm³. SD with n - 1. Sex is coded 1 male, 2 female; age in years. Differences are right minus left.",
        "p is exact and two-sided; p_holm is corrected for the regions (tables 3, 4) or tests (table 5) of the table.",
        "d_z is the mean difference over the SD of the differences; d_av over the mean of both sides' SDs.",
        "",
        "Notes:",
        *(f"- {note}" for note in result.notes or ("none",)),
        "",
        "Left out:",
    ]
    lines += [
        f"- {entry.table}: {entry.volumes} volumes, {entry.reason}: {', '.join(entry.subjects)}"
        for entry in result.exclusions
    ]
    if not result.exclusions:
        lines.append("- nothing")
    return "\n".join(lines) + "\n"


def _write_csv(path: Path, kind: type[Row], rows: Sequence[Row]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(kind.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    replace_text(path, text.getvalue())
    return path

"""Tables of a cohort: what goes into them, what comes out, and the files that they are written to."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ctworkbench.core.errors import StudyError
from ctworkbench.core.jobs import replace_text


@dataclass(frozen=True)
class Observation:
    """One region's volume in one scan.

    Attributes:
        sex: "M", "F" or None where unknown.
        age_years: age at the scan, None where unknown.
        source: where the labels come from: "registration", "expert", "model", …
        scan: id of the scan, where a subject may have more than one.
    """

    subject: str
    sex: str | None
    age_years: float | None
    region: str
    volume_cm3: float
    source: str
    scan: int | None = None


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Description(_Row):
    """One region of Table 2; volumes in cm³, `sex` "all", "M" or "F"; SD with n - 1, None where n is below 2."""

    region: str
    sex: str
    n: int
    mean_cm3: float | None
    sd_cm3: float | None


class Coefficient(_Row):
    """One coefficient of Tables 3 and 4; `term` is "intercept", "sex" (cm³, female minus male) or "age" (cm³ a year).

    Attributes:
        p_holm: p corrected for the number of regions tested with the same term.
        n: scans in the fit.
        r_squared: of the whole fit.
        residual_sd_cm3: of the whole fit, with its degrees of freedom.
    """

    region: str
    term: str
    coefficient: float
    standard_error: float
    t: float | None
    p: float | None
    p_holm: float | None
    ci_low: float
    ci_high: float
    n: int
    r_squared: float | None
    residual_sd_cm3: float


class Hemispheres(_Row):
    """One pair in one sex of Table 5. All differences are right minus left, in cm³; a positive t says right is larger.

    Attributes:
        d_z: mean difference over the SD of the differences, which is t / √n.
        d_av: mean difference over the mean of both sides' SDs.
    """

    pair: str
    sex: str
    n: int
    right_mean_cm3: float
    right_sd_cm3: float
    left_mean_cm3: float
    left_sd_cm3: float
    difference_cm3: float
    ci_low: float
    ci_high: float
    t: float | None
    df: int
    p: float | None
    p_holm: float | None
    d_z: float | None
    d_av: float | None


class Exclusion(_Row):
    """Volumes that a table did not use, and why."""

    table: str
    reason: str
    volumes: int
    subjects: tuple[str, ...]


class StatisticsTables(_Row):
    """All tables of a cohort; `notes` are sentences that a reader must see with them."""

    n_subjects: int
    n_scans: int
    sources: tuple[str, ...]
    descriptions: tuple[Description, ...]
    coefficients: tuple[Coefficient, ...]
    hemispheres: tuple[Hemispheres, ...]
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]


class Ledger:
    """What the tables leave out and what must be said with them, kept while they are made."""

    def __init__(self) -> None:
        self._excluded: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.notes: list[str] = []

    def exclude(self, table: str, reason: str, observation: Observation) -> None:
        """One volume not used by a table."""
        self._excluded[table, reason].append(observation.subject)

    def note(self, sentence: str) -> None:
        """A sentence for the reader, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """What was left out, by table and reason."""
        return tuple(
            Exclusion(table=table, reason=reason, volumes=len(subjects), subjects=tuple(sorted(set(subjects))))
            for (table, reason), subjects in self._excluded.items()
        )


def write(result: StatisticsTables, out: Path) -> list[Path]:
    """Write the tables as CSV (UTF-8, numbers in full), the notes as text and all of it as JSON; the paths written.

    Raises:
        StudyError: the folder cannot be written.
    """
    terms = tuple(row for row in result.coefficients if row.term != "intercept")
    parts: tuple[tuple[str, type[_Row], Sequence[_Row]], ...] = (
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


def _write_csv(path: Path, kind: type[_Row], rows: Sequence[_Row]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(kind.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    replace_text(path, text.getvalue())
    return path

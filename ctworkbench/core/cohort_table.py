"""The cohort table: who the subjects are, read from a CSV file that a coordinator wrote."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ctworkbench.core.errors import ImportRefused
from ctworkbench.core.files import unguarded
from ctworkbench.core.norms.units import adults_doubt

Sex = Literal["M", "F"]

MAX_AGE_YEARS = 120.0
_DAYS_PER_YEAR = 365.25
_SEXES: Mapping[str, Sex | None] = {"M": "M", "F": "F", "MALE": "M", "FEMALE": "F", "U": None}
_SHOWN = 10
_YOUNG_YEARS = 25.0
_LONGEST_CODE = 64
_LONGEST = 1000


class CohortRow(BaseModel):
    """One row of the table.

    Attributes:
        sex: "M", "F", or None where the table says U (unknown).
        age_years: age at the scan in years; None where the cell is empty.
        series_uid, file: the series or the file (or folder) that the row is about, where the table names one.
        study_date: day of the scan as 2021-05-04, "" where the table does not tell; a scan's own header is not asked,
            for dates belong to a patient, and whether they are kept is for whoever writes the table to decide.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    sex: Sex | None = None
    age_years: float | None = None
    site: str = ""
    scanner: str = ""
    series_uid: str = ""
    file: str = ""
    study_date: str = ""


def read_cohort(path: Path) -> dict[str, CohortRow]:
    """Rows by subject from a comma-, semicolon- or tab-separated UTF-8 table with a heading.

    Columns: `subject`, `sex` (M, F, U), `age_years` (a number; empty if unknown) or `birth_date` and `study_date`
    (2021-05-04 or 20210504); if wanted `site`, `scanner`, `series_uid`, `file`. Other columns are ignored. A subject
    may stand in several rows if each names its own series or file; the second is then held under "SUBJECT (2)".

    Raises:
        ImportRefused: unreadable, or with faults: all of them are told, by row and column.
    """
    heading, rows = _table(path)
    columns = {name.strip().lower(): index for index, name in enumerate(heading)}
    _check_columns(path, columns, heading)
    faults: list[str] = []
    cohort: dict[str, CohortRow] = {}
    places: dict[str, int] = {}
    written: dict[str, str] = {}
    mapped: set[tuple[str, str]] = set()
    for line, cells in rows:
        if len(cells) > len(heading) and any(cell.strip() for cell in cells[len(heading) :]):
            faults.append(
                f"row {line}: {len(cells)} cells under {len(heading)} headings (write 1.98 with a point, not a comma)"
            )
            continue
        row = {name: unguarded(cells[index].strip()) if index < len(cells) else "" for name, index in columns.items()}
        unfit = next((name for name, text in row.items() if not (text.isprintable() and len(text) <= _LONGEST)), None)
        if unfit is not None:
            faults.append(
                f"row {line}, column {unfit}: signs that cannot be printed, such as a line end, or more than {_LONGEST}"
            )
            continue
        subject = row["subject"]
        if len(subject) > _LONGEST_CODE:
            faults.append(f"row {line}, column subject: {len(subject)} signs; a code has {_LONGEST_CODE} at most")
            continue
        if not subject:
            faults.append(f"row {line}, column subject: empty; name the subject by its code")
            continue
        twin = written.setdefault(subject.casefold(), subject)
        if twin != subject:
            faults.append(
                f"row {line}, column subject: {subject} and {twin} of row {places[twin]} differ in the case of their "
                "letters alone; their files would overwrite each other on Windows and macOS"
            )
            continue
        record = _row(row, line, faults)
        key = subject
        if subject in places:
            mapping = (record.series_uid, record.file)
            if mapping == ("", "") or mapping in mapped:
                faults.append(
                    f"row {line}, column subject: {subject} stands in row {places[subject]} already; keep one row"
                )
                continue
            key = f"{subject} ({sum(other.subject == subject for other in cohort.values()) + 1})"
        places.setdefault(subject, line)
        mapped.add((record.series_uid, record.file))
        cohort[key] = record
    faults += (
        _months(
            [(line, cells[columns["age_years"]].strip()) for line, cells in rows if len(cells) > columns["age_years"]]
        )
        if ("age_years" in columns)
        else []
    )
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ImportRefused(
            f"{path.name} has {len(faults)} fault{'s' * (len(faults) > 1)}: {'; '.join(faults[:_SHOWN])}{more}.",
            "Correct these cells and import again.",
        )
    if not cohort:
        raise ImportRefused(f"{path.name} has a heading and no rows.", "Add one row for each subject.")
    return cohort


def doubtful_ages(cohort: Mapping[str, CohortRow]) -> str:
    """One sentence on ages of a table that are no child's in years, with the values meant; "" where there are none."""
    return adults_doubt({key: row.age_years for key, row in cohort.items() if row.age_years is not None})


def find_row(
    cohort: Mapping[str, CohortRow], subject: str, series_uid: str, places: Iterable[Path]
) -> CohortRow | None:
    """The row of a scan: the one that names its series or file, else its subject's only row that names neither.

    A file is named by as much of the end of its path as tells it from others: `P002/ct.nii.gz` is never `ct.nii.gz`
    of another folder.

    Args:
        cohort: the rows of the table.
        subject: the subject that the scan names itself.
        series_uid: its series' UID, or empty.
        places: paths of the scan's file or files, and of their folder.

    Raises:
        ImportRefused: two rows name the scan's file.
    """
    for row in cohort.values():
        if row.series_uid and row.series_uid == series_uid:
            return row
    places = list(places)
    depth: dict[int, list[CohortRow]] = {}
    for row in cohort.values():
        wanted = tuple(part for part in Path(row.file.replace("\\", "/")).parts if part not in ("/", "."))
        if wanted and any(place.parts[-len(wanted) :] == wanted for place in places):
            depth.setdefault(len(wanted), []).append(row)
    named = depth[max(depth)] if depth else []
    if len(named) > 1:
        raise ImportRefused(
            f"the cohort table's rows of {' and '.join(row.subject for row in named)} both name it ({named[0].file}).",
            "Name each file by its folder too, such as P001/ct.nii.gz.",
        )
    if named:
        return named[0]
    own = [row for row in cohort.values() if row.subject == subject]
    return own[0] if len(own) == 1 and not own[0].series_uid and not own[0].file else None


def parse_date(text: str) -> date | None:
    """A date written as 2021-05-04 or 20210504; None if it is neither."""
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    return None


def years_between(born: date, scanned: date) -> float:
    """Age in years of 365.25 days."""
    return (scanned - born).days / _DAYS_PER_YEAR


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Heading and (line number, cells) of each row that is not blank."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImportRefused(
            f"The cohort table {path.name} cannot be read: {error.strerror}.", "Check its path."
        ) from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportRefused(f"{path.name} is a spreadsheet, not a CSV file.", "Save it as CSV UTF-8.")
    try:
        text = content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{path.name} is not in UTF-8 (byte {error.start}).", "Save it as CSV UTF-8.") from error
    if "\0" in text:
        raise ImportRefused(f"{path.name} is not a text file.", "Save the table as CSV UTF-8.")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ImportRefused(
            f"{path.name} is no table: {error} (line {reader.line_num}).", "Look for a quote that is not closed."
        ) from error
    if not rows:
        raise ImportRefused(f"{path.name} is empty.", "Give a table with the columns subject, sex, age_years.")
    return rows[0][1], rows[1:]


def _check_columns(path: Path, columns: Mapping[str, int], heading: list[str]) -> None:
    """Refuse a table that lacks a column or has one twice."""
    if len(columns) < len(heading):
        doubled = sorted(name for name in columns if [h.strip().lower() for h in heading].count(name) > 1 and name)
        if doubled:
            raise ImportRefused(f"{path.name} has the column {doubled[0]} twice.", "Keep one of them.")
    missing = [name for name in ("subject", "sex") if name not in columns]
    if "age_years" not in columns and not {"birth_date", "study_date"} <= columns.keys():
        missing.append("age_years (or birth_date and study_date)")
    if missing:
        near = next((name for name in columns if name.startswith("age")), "")
        hint = f" It has {near}: give the age in years, under age_years." if near and near != "age_years" else ""
        if len(heading) == 1:
            hint = " Its heading is one cell: separate the columns with commas."
        raise ImportRefused(
            f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"it has {', '.join(heading)}.{hint}",
            "The heading needs subject,sex,age_years.",
        )


def _row(row: Mapping[str, str], line: int, faults: list[str]) -> CohortRow:
    """A row's values; what is wrong with them is added to `faults`."""
    sex = row["sex"].upper()
    if sex not in _SEXES:
        said = f"{row['sex']!r} is not a sex" if sex else "empty"
        faults.append(f"row {line}, column sex: {said}; write M, F, or U for unknown")
    return CohortRow(
        subject=row["subject"],
        sex=_SEXES.get(sex),
        age_years=_age(row, line, faults),
        site=row.get("site", ""),
        scanner=row.get("scanner", ""),
        series_uid=row.get("series_uid", ""),
        file=row.get("file", ""),
        study_date=_study_date(row, line, faults),
    )


def _study_date(row: Mapping[str, str], line: int, faults: list[str]) -> str:
    """The day of the scan; one that is no date is a fault, told here unless the age is worked out from it too."""
    text = row.get("study_date", "")
    day = parse_date(text) if text else None
    if text and day is None and row.get("age_years"):
        faults.append(f"row {line}, column study_date: {text!r} is not a date; write 2021-05-04")
    return "" if day is None else day.isoformat()


def _age(row: Mapping[str, str], line: int, faults: list[str]) -> float | None:
    """Age in years from its own column or from two dates."""
    text, column = row.get("age_years", ""), "age_years"
    if text:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text):
            faults.append(f"row {line}, column age_years: {text!r} is not a number; write years, such as 1.98")
            return None
        age = float(text)
    elif row.get("birth_date") and row.get("study_date"):
        dates: list[date] = []
        for name in ("birth_date", "study_date"):
            day = parse_date(row[name])
            if day is None:
                faults.append(f"row {line}, column {name}: {row[name]!r} is not a date; write 2021-05-04")
            else:
                dates.append(day)
        if len(dates) < 2:
            return None
        age, column, text = (
            years_between(dates[0], dates[1]),
            "birth_date",
            f"{years_between(dates[0], dates[1]):.2f} years",
        )
    else:
        return None
    if age < 0:
        faults.append(f"row {line}, column {column}: {text} is negative; write the age at the scan in years")
        return None
    if age > MAX_AGE_YEARS:
        units = (("months", 12.0), ("days", _DAYS_PER_YEAR))
        unit, per_year = next(((name, n) for name, n in units if age / n <= _YOUNG_YEARS), ("", 1.0))
        hint = f"; if it is in {unit}, write {age / per_year:.2f}" if column == "age_years" and unit else ""
        faults.append(f"row {line}, column {column}: {text} is no human age in years{hint}")
        return None
    return age


def _months(cells: list[tuple[int, str]]) -> list[str]:
    """A fault if a whole column of ages is written as months are: whole multiples of three, some over 25."""
    ages = [(line, int(text)) for line, text in cells if text.isdecimal()]
    filled = sum(bool(text) for _, text in cells)
    if len(ages) < 4 or len(ages) < filled or any(age % 3 for _, age in ages):
        return []
    line, highest = max(ages, key=lambda pair: pair[1])
    if not 25 < highest <= MAX_AGE_YEARS:
        return []
    return [
        f"row {line}, column age_years: {highest}, and all other ages are whole multiples of 3 too: they look like "
        f"months; write years ({highest / 12:.2f}), or {highest}.0 if they are years"
    ]

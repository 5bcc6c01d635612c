"""Import: folders, archives and files in; head CTs in HU, one straight NIfTI each, out; refusals with their reasons."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from ctworkbench.core import archives
from ctworkbench.core.cohort_table import (
    MAX_AGE_YEARS,
    CohortRow,
    Sex,
    find_row,
    parse_date,
    read_cohort,
    years_between,
)
from ctworkbench.core.dicom import Series, find_series
from ctworkbench.core.dicom_series import NotForUs, check_kind, read_series
from ctworkbench.core.errors import ImportRefused, VolumeError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.nifti_scan import is_named_as_labels, read_scan, stem, subject_of
from ctworkbench.core.volume import Volume, write_nifti

_NIFTI = (".nii", ".nii.gz")
_AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_GIVE = "Give a folder with DICOM series, or .nii.gz files."
_SCANNED = 0.1
"""Part of the progress bar that finding the series takes."""


class ImportParams(BaseModel):
    """What to import.

    Attributes:
        paths: folders (searched through), archives, DICOM or NIfTI files.
        cohort: the cohort table, its rows by subject, or None to take sex and age from the DICOM headers.
    """

    model_config = ConfigDict(frozen=True)

    paths: tuple[Path, ...]
    cohort: dict[str, CohortRow] | Path | None = None


class ImportedScan(BaseModel):
    """One scan taken in.

    Attributes:
        series_uid: the DICOM series' UID; for NIfTI, "2.25." and a number made from the content.
        source: name of the folder or file it came from.
        image: NIfTI in the job's folder: int16 HU, axes closest to RAS, no tilt, even slices.
        orientation: axis codes of the scan's own grid, such as "LPS".
        protocol: how it was acquired; nothing of the patient.
        corrections, warnings: what was done to it, and what the reader should know.
        header_age: age as the DICOM header states it, such as "002Y", rounded down to its unit; "" where it does not.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    sex: Sex | None
    age_years: float | None
    site: str
    scanner: str
    series_uid: str
    source: str
    image: Path
    orientation: str
    protocol: dict[str, str | float]
    corrections: tuple[str, ...]
    warnings: tuple[str, ...]
    header_age: str = ""


class RefusedSource(BaseModel):
    """A series or file that was not taken in: which, why, and what to do."""

    model_config = ConfigDict(frozen=True)

    source: str
    reason: str
    remedy: str


class ImportResult(BaseModel):
    """What came of an import.

    Attributes:
        accepted: scans taken in.
        refused: what should have been a scan and could not be.
        skipped: what is of no concern beside what was taken: a label map, a scout or a bone kernel of the same study.
    """

    model_config = ConfigDict(frozen=True)

    accepted: tuple[ImportedScan, ...] = ()
    refused: tuple[RefusedSource, ...] = ()
    skipped: tuple[RefusedSource, ...] = ()


@dataclass
class _Import:
    """An import under way."""

    context: JobContext
    cohort: dict[str, CohortRow] | None
    accepted: list[ImportedScan] = field(default_factory=list[ImportedScan])
    refused: list[RefusedSource] = field(default_factory=list[RefusedSource])
    skipped: list[RefusedSource] = field(default_factory=list[RefusedSource])
    mapped: dict[str, str] = field(default_factory=dict[str, str])

    def map_once(self, row: CohortRow, owner: str) -> None:
        """Refuse a second child's scan for a row that names a file: one name has fitted two.

        Raises:
            ImportRefused: the row's file stands for another scan already.
        """
        if row.file and self.mapped.setdefault(row.file, owner) != owner:
            raise ImportRefused(
                f"the cohort table's row of {row.subject} names {row.file!r}, which fits another scan too.",
                "Name each file by its folder too, such as P001/ct.nii.gz, or give the series_uid.",
            )

    def refuse(self, source: str, reason: str, remedy: str) -> None:
        """Note a refusal."""
        self.refused.append(RefusedSource(source=source, reason=reason, remedy=remedy))

    def note_absent(self) -> None:
        """Note subjects of the table that nothing was imported for; not a failure: others may come later."""
        seen = {scan.subject for scan in self.accepted}
        absent = list(dict.fromkeys(row.subject for row in (self.cohort or {}).values() if row.subject not in seen))
        if absent:
            names = ", ".join(absent[:10]) + (" …" if len(absent) > 10 else "")
            reason = f"{len(absent)} of the cohort table's subjects have no imported scan here: {names}."
            self.skipped.append(RefusedSource(source="cohort table", reason=reason, remedy="Import their scans too."))

    def take(self, volume: Volume, scan: ImportedScan) -> None:
        """Write the image and note the scan."""
        name = re.sub(r"[^\w.-]", "_", scan.subject)[:60]
        image = self.context.folder / f"{len(self.accepted) + 1:04d}_{name}.nii.gz"
        voxels = volume.voxels
        if voxels.dtype != np.int16:
            voxels = np.clip(np.rint(voxels), -32768, 32767).astype(np.int16)
        orientation = volume.grid.axcodes
        write_nifti(Volume(voxels, volume.affine).oriented("RAS"), image)
        self.accepted.append(scan.model_copy(update={"image": image, "orientation": orientation}))


def import_scans(params: ImportParams, context: JobContext) -> ImportResult:
    """Import all head CTs under the paths given.

    Raises:
        ImportRefused: the cohort table is faulty. All else is told in the result, one refusal for each series or file.
        JobCancelled: the user cancelled the job.
    """
    cohort = read_cohort(params.cohort) if isinstance(params.cohort, Path) else params.cohort
    work = _Import(context, cohort)
    context.progress(0.0, "Looking for series.")
    unpacked = context.folder / "unpacked"
    try:
        sources = _files(params.paths, unpacked, work)
        files = list(dict.fromkeys(path for inside in sources.values() for path in inside))
        dicom = [path for path in files if not path.name.lower().endswith(_NIFTI)]
        nifti = [path for path in files if path.name.lower().endswith(_NIFTI)]
        found = find_series(dicom, lambda n: context.progress(_SCANNED * n / len(dicom), f"Looking at file {n}."))
        for name, why in found.unreadable.items():
            work.refuse(name, f"{name} was not read: {why}.", "Export it again, or take it out of the folder.")
        parts = len(found.series) + len(nifti)
        aside: list[tuple[Series, NotForUs]] = []
        studies: set[str] = set()
        for index, series in enumerate(found.series.values()):
            _import_series(work, series, (index, parts), aside, studies)
        for series, error in aside:
            listed = work.skipped if series.study_uid and series.study_uid in studies else work.refused
            listed.append(_refusal(_name(series), error))
        for index, path in enumerate(nifti, start=len(found.series)):
            context.progress(_fraction(index, parts), f"Reading {path.name}.")
            _import_nifti(work, path, sources.get(path) == [path])
        for source, inside in sources.items():
            if inside and found.files.isdisjoint(inside) and not any(path in nifti for path in inside):
                work.refuse(source.name, f"{source.name} is not, and holds no, DICOM or NIfTI image.", _GIVE)
        if not work.accepted and not work.refused:  # nothing was taken beside which these could be passed over
            work.refused, work.skipped = work.skipped, work.refused
        work.note_absent()
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    context.progress(1.0, f"{len(work.accepted)} scans imported, {len(work.refused)} refused.")
    return ImportResult(accepted=tuple(work.accepted), refused=tuple(work.refused), skipped=tuple(work.skipped))


def _fraction(index: float, parts: int) -> float:
    return _SCANNED + (1 - _SCANNED) * index / max(1, parts)


def _refusal(source: str, error: ImportRefused | VolumeError) -> RefusedSource:
    """A refusal as a sentence that names its source."""
    reason = error.message if source in error.message else f"{source}: {error.message}"
    return RefusedSource(source=source, reason=reason, remedy=error.remedy)


def _name(series: Series) -> str:
    """What a series is called before the user: its folder and number."""
    digits = series.text("SeriesNumber")
    return f"{series.folder} (series {digits})" if digits else series.folder


def _files(paths: Sequence[Path], unpacked: Path, work: _Import) -> dict[Path, list[Path]]:
    """Files under each path given, in order; a path that cannot be read is refused."""
    sources: dict[Path, list[Path]] = {}
    for given in paths:
        path = given.resolve()
        try:
            if path.is_dir():
                inside = [file for file in archives.walk(path) if not file.name.lower().endswith(archives.SUFFIXES)]
                sources[path] = inside
                if not inside:
                    work.refuse(
                        path.name, f"The folder {path.name} is empty.", "Give the folder that holds the series."
                    )
            elif not path.exists():
                work.refuse(path.name, f"{path.name} does not exist.", "Check the path.")
            elif path.name.lower().endswith(archives.SUFFIXES):
                sources[path] = list(archives.walk(archives.unpack(path, unpacked / str(len(sources)))))
            else:
                path.open("rb").close()
                sources[path] = [path]
        except ImportRefused as error:
            work.refused.append(_refusal(path.name, error))
        except OSError as error:
            work.refuse(path.name, f"{path.name} cannot be read: {error.strerror or error}.", "Check its permissions.")
    return sources


def _import_series(
    work: _Import, series: Series, place: tuple[int, int], aside: list[tuple[Series, NotForUs]], studies: set[str]
) -> None:
    """Import one DICOM series, refuse it, or set it aside as of another kind."""
    index, parts = place
    source = _name(series)
    work.context.progress(_fraction(index, parts), f"Reading {source}.")
    try:
        check_kind(series)
        row, subject, notes = _who(work, series)
        read = read_series(
            series, lambda done: work.context.progress(_fraction(index + 0.9 * done, parts), f"Reading {source}.")
        )
    except NotForUs as error:
        aside.append((series, error))
        return
    except (ImportRefused, VolumeError) as error:
        work.refused.append(_refusal(source, error))
        return
    sex, age, doubts = (row.sex, row.age_years, []) if row else _sex_and_age(series)
    maker = " ".join(filter(None, (series.text("Manufacturer"), series.text("ManufacturerModelName"))))
    scan = ImportedScan(
        subject=subject,
        sex=sex,
        age_years=age,
        site=row.site if row else "",
        scanner=(row.scanner if row else "") or maker,
        series_uid=series.uid,
        source=source,
        image=work.context.folder,
        orientation="",
        protocol=read.protocol | _day(row),
        corrections=read.corrections,
        warnings=(*read.warnings, *notes, *doubts, *_unknown(sex, age)),
        header_age=series.text("PatientAge"),
    )
    work.take(read.volume, scan)
    studies.add(series.study_uid)


def _day(row: CohortRow | None) -> dict[str, str]:
    """The day of the scan, where the cohort table gives it."""
    return {"study_date": row.study_date} if row is not None and row.study_date else {}


def _who(work: _Import, series: Series) -> tuple[CohortRow | None, str, list[str]]:
    """The cohort's row for a series, its subject, and what is to be said of them."""
    subject = series.text("PatientID")
    if work.cohort is not None:
        files = {image.path for image in series.slices}
        row = find_row(work.cohort, subject, series.uid, files | {file.parent for file in files})
        if row is None:
            raise _not_in_cohort(work.cohort, subject or series.folder, "series_uid")
        work.map_once(row, f"{subject} {series.study_uid}")
        return row, row.subject, []
    if not subject:
        return None, series.folder, ["no patient ID: the subject is named after the folder"]
    return None, subject, []


def _not_in_cohort(cohort: dict[str, CohortRow], subject: str, column: str) -> ImportRefused:
    """Why no row of the table is this scan's."""
    if any(row.subject == subject for row in cohort.values()):
        return NotForUs(
            f"the cohort table names another series or file of {subject}.",
            f"Add a row that names this one in {column}.",
        )
    return ImportRefused(
        f"{subject} is not in the cohort table.", f"Add a row for {subject}, or name its subject in a column {column}."
    )


def _sex_and_age(series: Series) -> tuple[Sex | None, float | None, list[str]]:
    """Sex and age in years as the DICOM header has them, and what is doubtful about them."""
    told = series.text("PatientSex").upper()
    sex: Sex | None = "M" if told == "M" else "F" if told == "F" else None
    doubts: list[str] = []
    stated, slack = stated_age(series.text("PatientAge")) or (None, 0.0)
    born = parse_date(series.text("PatientBirthDate"))
    days = [parse_date(series.text(tag)) for tag in ("AcquisitionDate", "SeriesDate", "StudyDate")]
    scanned = next((day for day in days if day), None)
    exact = years_between(born, scanned) if born and scanned else None
    if exact is not None and not 0 <= exact <= MAX_AGE_YEARS:
        doubts.append("birth date and study date do not fit each other and were not used")
        exact = None
    if exact is not None and stated is not None and abs(exact - stated) > slack + 0.1:
        doubts.append(f"the header's age ({stated:.2f} y) and dates ({exact:.2f} y) differ; its age was taken")
        exact = None
    return sex, exact if exact is not None else stated, doubts


def stated_age(text: str) -> tuple[float, float] | None:
    """Age in years that a header states, such as "002Y", and its unit in years; None if it states none.

    An age string counts whole units that were completed: the child is that old, or older by less than one unit.
    """
    match = re.fullmatch(r"(\d{1,3})([YMWD])", text.strip().upper())
    return (int(match[1]) * _AGE_UNITS[match[2]], _AGE_UNITS[match[2]]) if match else None


def _unknown(sex: Sex | None, age: float | None) -> list[str]:
    """Warnings of what is not known and norms need."""
    unknown = [name for name, value in (("sex", sex), ("age", age)) if value is None]
    return [f"{' and '.join(unknown)} unknown: no norm can be applied until the cohort table tells"] if unknown else []


def _import_nifti(work: _Import, path: Path, by_name: bool) -> None:
    """Import one NIfTI file, or refuse it; a label map met while walking a folder is skipped."""
    subject = subject_of(path)
    try:
        if is_named_as_labels(path):
            raise NotForUs("it looks like a label map by its name, not HU.", "Import the CT image it belongs to.")
        row: CohortRow | None = None
        if work.cohort is not None:
            row = find_row(work.cohort, subject, "", (path, path.with_name(stem(path)), path.with_name(subject)))
            if row is None:
                raise _not_in_cohort(work.cohort, subject, "file")
            work.map_once(row, str(path))
        read = read_scan(path)
    except NotForUs as error:
        (work.refused if by_name else work.skipped).append(_refusal(path.name, error))
        return
    except (ImportRefused, VolumeError) as error:
        work.refused.append(_refusal(path.name, error))
        return
    sex, age = (row.sex, row.age_years) if row else (None, None)
    scan = ImportedScan(
        subject=row.subject if row else subject,
        sex=sex,
        age_years=age,
        site=row.site if row else "",
        scanner=row.scanner if row else "",
        series_uid=read.uid,
        source=path.name,
        image=work.context.folder,
        orientation="",
        protocol=read.protocol | _day(row),
        corrections=read.corrections,
        warnings=(*read.warnings, *_unknown(sex, age)),
    )
    work.take(read.volume, scan)

"""The cohort's tables and figures, with what a reader must know of where the volumes come from."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.analysis.figures import FIGURE_FORMATS, Picture, save
from ctworkbench.core.analysis.harmonization import Harmonizing
from ctworkbench.core.analysis.observations import Exclusion, Ledger, Observation
from ctworkbench.core.analysis.tables import Repeats, StatisticsTables, prepared, tables
from ctworkbench.core.analysis.writing import TABLE_FORMATS, write
from ctworkbench.core.files import need_folder
from ctworkbench.core.model import Origin, Scan, Subject
from ctworkbench.core.wording import count, phantoms
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.figures import figures
from ctworkbench.core.workbench.harmonizing import harmonized_observations
from ctworkbench.core.workbench.lineage import phantom_scans, trained_on
from ctworkbench.core.workbench.methods import volume_notes
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import VolumeRow
from ctworkbench.core.workbench.volumes import nothing_measured, scanners, volumes

LEANING = (
    "Labels of a registration lean towards the template, whose regions have the norm's mean proportions: "
    "uncorrected, they make a child look more ordinary than it is."
)


FORMATS = (*TABLE_FORMATS, *FIGURE_FORMATS)
"""All that a cohort's tables and figures are written as."""


def cohort_tables(
    study: OpenStudy, source: str = CURRENT, repeats: Repeats = "first", harmonize: Harmonizing | None = None
) -> StatisticsTables:
    """The article's tables of the study, with all that must be said of them; nothing is written.

    Args:
        study: the open study.
        source: of the label maps; see `volumes.volumes`.
        repeats: of a child with several scans, use the "first" (by age) or "all".
        harmonize: make them from harmonized volumes, named so in every table; from the measured ones if None.

    Raises:
        WorkbenchError: an unknown source, nothing was measured, or nothing could be harmonized that should be.
    """
    return _tables(study, source, repeats, harmonize)[0]


def statistics(
    study: OpenStudy,
    out: Path,
    source: str = CURRENT,
    formats: Sequence[str] = FORMATS,
    repeats: Repeats = "first",
    tell: Callable[[str], object] = lambda _: None,
    harmonize: Harmonizing | None = None,
) -> StatisticsTables:
    """Write the cohort's tables and figures; `not_made` of the answer says what could not be made, and why.

    Args:
        study: the open study.
        out: folder; made if there is none.
        source: of the label maps; see `volumes.volumes`.
        formats: of "csv", "docx", "latex" for tables and "svg", "pdf" for figures; notes and JSON are always written.
        repeats: of a child with several scans, use the "first" (by age) or "all".
        tell: is told what is being made.
        harmonize: make them from harmonized volumes, named so in every table; from the measured ones if None.

    Raises:
        WorkbenchError: an unknown source, nothing was measured, or the folder cannot be written.
    """
    need_folder(out)
    result, observations, annotation_ids = _tables(study, source, repeats, harmonize)
    kinds = [kind for kind in FIGURE_FORMATS if kind in formats]
    if kinds:

        def keep(picture: Picture) -> None:
            tell(f"{picture.caption.partition('. ')[0]}…")
            save(picture, out, kinds)

        used = prepared(observations, Ledger(), repeats)
        captions, not_made = figures(study, annotation_ids, used, keep)
        if harmonize is not None:
            captions = [f"{caption} Volumes are harmonized by {harmonize.by} (ComBat)." for caption in captions]
        result = result.model_copy(update={"figures": tuple(captions), "not_made": tuple(not_made)})
    tell("Tables…")
    write(result, out, formats)
    return result


def source_notes(study: OpenStudy, rows: Sequence[VolumeRow]) -> list[str]:
    """What must be said of volumes for where their label maps come from, one sentence each."""
    with study.database.reading() as session:
        learned, phantom = trained_on(session), phantom_scans(session)
    scans = {row.scan_id for row in rows}
    told = phantoms(len(scans & phantom), len(scans))
    remembered = sorted({row.subject for row in rows if row.annotation_id in learned})
    notes = [f"{told} Their numbers say nothing about children."] if told else []
    notes += [LEANING] if any(row.source is Origin.REGISTRATION for row in rows) else []
    if remembered:
        one = len(remembered) == 1
        notes.append(
            f"{count(len(remembered), 'subject')} {'has' if one else 'have'} labels of a model that was trained on "
            f"{'it' if one else 'them'}, or corrections of such labels: {', '.join(remembered)}. Volumes of what no "
            "reader corrected tell how well it remembers."
        )
    return notes


def _tables(
    study: OpenStudy, source: str, repeats: Repeats, harmonize: Harmonizing | None
) -> tuple[StatisticsTables, list[Observation], set[int]]:
    """The tables, what they were made from, and from which label maps."""
    rows = volumes(study, source)
    if not rows:
        raise nothing_measured(source)
    observations, notes, left_out = _observations(study, rows), list[str](), tuple[Exclusion, ...]()
    if harmonize is not None:
        observations, notes, left_out = harmonized_observations(study, source, harmonize, observations)
    annotation_ids = {row.annotation_id for row in rows}
    result = tables(observations, repeats)
    notes += source_notes(study, rows)
    notes += volume_notes(study, rows, result.coefficients, result.hemispheres)
    told = {"notes": tuple(dict.fromkeys((*result.notes, *notes))), "exclusions": (*left_out, *result.exclusions)}
    return result.model_copy(update=told), observations, annotation_ids


def _observations(study: OpenStudy, rows: Sequence[VolumeRow]) -> list[Observation]:
    """The volumes with the set, site and scanner of each scan."""
    with study.database.reading() as session:
        device = scanners(session)
        query = select(Scan.id, Scan.site, Subject.role).join(Subject, Subject.id == Scan.subject_id)
        places = {scan: (str(role or ""), site, device[scan]) for scan, site, role in session.execute(query).tuples()}
    return [
        Observation(
            subject=row.subject,
            sex=row.sex,
            age_years=row.age_years,
            region=row.region,
            volume_cm3=row.volume_cm3,
            source=str(row.source),
            scan=row.scan_id,
            role=places[row.scan_id][0],
            site=places[row.scan_id][1],
            scanner=places[row.scan_id][2],
        )
        for row in rows
    ]

"""Agreement of the readers of a study: what is compared, as tables and pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.agreement.tables import PairFact, ReadingFact, label_map_sheet, paired, verdict_sheet
from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Overlap, ReaderRole, Scan, Subject
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.overlaps import count_overlaps
from ctworkbench.core.workbench.readers import refuse_hidden
from ctworkbench.core.workbench.reading import readings

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Agreement:
    """Tables of agreement, and the pairs that they are made from."""

    sheets: tuple[TableSheet, ...]
    pairs: tuple[PairFact, ...]


def agreement(study: OpenStudy, progress: Progress | None = None) -> Agreement:
    """Compare the readings of all scans that were read twice or more.

    Args:
        study: the open study.
        progress: told how many label maps are compared of how many; the first time takes a second or less for each.

    Raises:
        WorkbenchError: no scan was read twice, or it would show a reader what is kept from them.
    """
    with study.database.reading() as session:
        refuse_hidden(session, study.settings.author, "The agreement")
        several = readings(session)
        code_of = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
    facts = [
        ReadingFact(
            scan_id=scan_id,
            subject=code_of[scan_id],
            reader=one.reader,
            order=place,
            repeat=one.role is ReaderRole.REPEAT,
            verdict=str(one.said.verdict),
            grade=one.said.grade,
            annotation_id=one.said.annotation_id,
        )
        for scan_id, scan in several.items()
        for place, one in enumerate(scan.readings)
    ]
    couples = paired(facts)
    if not couples:
        raise WorkbenchError(
            "No scan was read twice yet.", "Assign second readings: ctworkbench readers assign STUDY --reader NAME"
        )
    count_overlaps(study, [(one.annotation_id, other.annotation_id) for one, other in couples], progress)
    with study.database.reading() as session:
        known = {(row.annotation_id, row.other_id): row for row in session.scalars(select(Overlap))}
    pairs: list[PairFact] = []
    for one, other in couples:
        ids = (one.annotation_id, other.annotation_id)
        row = known[(min(ids), max(ids))]
        turned = ids[0] > ids[1]
        counts = {name: [b, a, c] if turned else [a, b, c] for name, (a, b, c) in row.counts.items()}
        pairs.append(PairFact(one, other, counts, row.voxel_mm3))
    titles = {region.name: region.title for region in load_scheme(study.scheme).regions}
    return Agreement((verdict_sheet(pairs, facts), label_map_sheet(pairs, titles)), tuple(pairs))


def write_agreement(study: OpenStudy, out: Path, progress: Progress | None = None) -> Agreement:
    """Write the tables as CSV and a picture of every region as SVG.

    Raises:
        WorkbenchError: see `agreement`; or the folder cannot be written.
    """
    from ctworkbench.core.agreement.figures import bland_altman_figure
    from ctworkbench.core.analysis.figures import save
    from ctworkbench.core.analysis.writing import write_sheets

    found = agreement(study, progress)
    lines = ["Research use only - not for diagnosis.", "", *(note for sheet in found.sheets for note in sheet.notes)]
    pictures = [
        picture
        for region in load_scheme(study.scheme).regions
        if (picture := bland_altman_figure(found.pairs, region.name, region.title)) is not None
    ]
    lines += [picture.caption for picture in pictures]
    write_sheets(found.sheets, out, ("csv",), "\n".join(lines) + "\n")
    for picture in pictures:
        save(picture, out, ("svg",))
    study.log("write agreement", "study", {"pairs": len(found.pairs), "out": out.name})
    return found

"""Label maps of several readers against each other: counted where a save is under way, and kept."""

from collections.abc import Callable, Iterable

import numpy as np
from sqlalchemy import select

from ctworkbench.core.agreement.overlap import overlap_counts
from ctworkbench.core.model import Annotation, Origin, Overlap
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.reading import readings

Pair = tuple[int, int]

COMPARE = "compare label maps"


def count_overlaps(study: OpenStudy, pairs: Iterable[Pair], progress: Callable[[int, int], None] | None = None) -> None:
    """Count the pairs of versions (ids) that were not counted yet; the two of a pair are of one scan.

    Args:
        study: the open study.
        pairs: numbers of label maps, in any order; a label map may be paired with itself, for its volumes.
        progress: told how many are done of how many.
    """
    wanted = sorted({(min(pair), max(pair)) for pair in pairs})
    with study.database.reading() as session:
        known = set(session.execute(select(Overlap.annotation_id, Overlap.other_id)).tuples())
        missing = [pair for pair in wanted if pair not in known]
        ids = {number for pair in missing for number in pair}
        key_of = dict(session.execute(select(Annotation.id, Annotation.labels_key).where(Annotation.id.in_(ids))).all())
    codes = {region.name: region.code for region in load_scheme(study.scheme).regions}
    for done, (one, other) in enumerate(missing):
        if progress is not None:
            progress(done, len(missing))
        first = study.store.get(key_of[one])
        second = first if key_of[one] == key_of[other] else study.store.get(key_of[other])
        row = Overlap(
            annotation_id=one,
            other_id=other,
            voxel_mm3=abs(float(np.linalg.det(first.affine[:3, :3]))),
            counts=overlap_counts(first.voxels, second.voxels, codes),
            code_version=study.code_version,
        )
        with study.database.writing() as session:
            there = select(Overlap.id).where(Overlap.annotation_id == one, Overlap.other_id == other)
            if session.scalar(there) is None:  # another program may have been faster
                scan_id = session.get_one(Annotation, one).scan_id
                session.add(row)
                study.audit(session, COMPARE, f"annotations {one} {other}", {}, scan_id)


def count_new_version(study: OpenStudy, scan_id: int, annotation_id: int) -> None:
    """Compare a version that was just saved with what others began from and drew, where several readers read a scan."""
    with study.database.reading() as session:
        scan = readings(session, [scan_id]).get(scan_id)
    if scan is None:
        return
    base = scan.base_of(annotation_id)
    others = [row.id for row in scan.drawn if row.id == base or row.origin is Origin.EXPERT]
    count_overlaps(study, [(annotation_id, other) for other in others if other != annotation_id])


def count_readings(study: OpenStudy, scan_id: int) -> None:
    """Compare the label maps that the readers of a scan ended with, as far as that was not done while they saved."""
    with study.database.reading() as session:
        scan = readings(session, [scan_id]).get(scan_id)
    if scan is None:
        return
    found = scan.readings
    count_overlaps(
        study,
        [
            (one.said.annotation_id, other.said.annotation_id)
            for place, one in enumerate(found)
            for other in found[place + 1 :]
            if one.labels_key != other.labels_key
        ],
    )

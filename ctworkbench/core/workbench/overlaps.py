"""Label maps of several readers against each other: counted aside, and kept."""

from collections.abc import Callable, Iterable

import numpy as np
from sqlalchemy import select

from ctworkbench.core.agreement.overlap import overlap_counts
from ctworkbench.core.model import Annotation, Overlap
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


def uncompared(study: OpenStudy, scan_ids: Iterable[int] | None = None) -> list[Pair]:
    """Pairs of versions on which it hangs whether readers agree, and that were not counted yet."""
    with study.database.reading() as session:
        return [pair for scan in readings(session, scan_ids).values() for pair in scan.uncompared]

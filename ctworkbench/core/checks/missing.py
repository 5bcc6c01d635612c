"""A region that is not there, or hardly: forgotten, painted over, or lost by a registration that went astray."""

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import MISSING, Finding, judged
from ctworkbench.core.statistics import volume

TITLE = "missing region"
NEEDS_HEAD = False


def find(case: CheckCase) -> list[Finding]:
    """The volume of every region, in cm³ on the scan's own grid."""
    volumes = volume.compute_all(case.whole, None, case.scheme.codes)
    if not any(volumes.values()):
        return [judged("missing", MISSING, 0.0, volume.UNIT, "the label map is empty")]
    found: list[Finding] = []
    for region in case.scheme.regions:
        cm3 = volumes[region.code]
        said = f"{region.title}: not in the label map" if cm3 == 0 else f"{region.title}: {cm3:.1f} cm³"
        where = case.place_in(case.labels[box] == region.code, box) if (box := case.boxes.get(region.code)) else None
        found.append(judged("missing", MISSING, cm3, volume.UNIT, said, region.name, where))
    return found

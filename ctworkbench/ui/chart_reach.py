"""How far the numbers of the open child may be off."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctworkbench.core.norms.child import Child


def reaches_of(child: "Child | None") -> dict[str, dict[int, float]]:
    """Half of the 95 % interval by measurement error in cm³, by name of the region or pair and by scan.

    Args:
        child: the open scan's child with all of its scans; None where it was not measured.
    """
    found: dict[str, dict[int, float]] = {}
    for scan in () if child is None else child.scans:
        for name, error in scan.errors.items():
            if error.reach_cm3 is not None:
                found.setdefault(name, {})[scan.scan_id] = error.reach_cm3
    return found

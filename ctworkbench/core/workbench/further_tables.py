"""The further tables of a study: adjusted, mixed, harmonized, asymmetry, missing data."""

from collections.abc import Sequence
from pathlib import Path

from ctworkbench.core.analysis.further import BY_SCANNER, FurtherTables, further
from ctworkbench.core.analysis.further_sheets import write_further
from ctworkbench.core.analysis.harmonization import Harmonizing
from ctworkbench.core.analysis.tables import Repeats
from ctworkbench.core.schemes import load
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.harmonizing import not_harmonized, scan_volumes
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.tables import FORMATS, source_notes
from ctworkbench.core.workbench.volumes import nothing_measured, volumes


def further_tables(
    study: OpenStudy, source: str = CURRENT, harmonize: Harmonizing | None = None, repeats: Repeats = "first"
) -> FurtherTables:
    """All further tables of the volumes of one source.

    Args:
        study: the open study.
        source: of the label maps; see `volumes.volumes`.
        harmonize: make the models from volumes that are harmonized so; from the measured ones if None, and harmonize
            over scanners for the sheets of harmonization alone.
        repeats: of a child with several scans, use the "first" (by age) in models without the child, or "all".

    Raises:
        WorkbenchError: an unknown source, nothing was measured, or nothing could be harmonized that should be.
    """
    scans = scan_volumes(study, source)
    if not any(scan.volumes_cm3 for scan in scans):
        raise nothing_measured(source)
    regions = load(study.scheme).region_names
    tables = further(scans, regions, harmonize or BY_SCANNER, harmonize is not None, repeats)
    if harmonize is not None and not tables.harmonized:
        raise not_harmonized(harmonize, tables.notes["harmonization"], tables.left_out["harmonization"])
    told = tuple(source_notes(study, volumes(study, source)))
    return tables.model_copy(update={"notes": {name: (*notes, *told) for name, notes in tables.notes.items()}})


def write_further_tables(
    study: OpenStudy,
    out: Path,
    source: str = CURRENT,
    formats: Sequence[str] = FORMATS,
    repeats: Repeats = "first",
    harmonize: Harmonizing | None = None,
) -> FurtherTables:
    """Write the further tables to the folder `further` in a folder; see `further_tables`.

    Raises:
        WorkbenchError: as `further_tables`, or the folder cannot be written.
    """
    tables = further_tables(study, source, harmonize, repeats)
    write_further(tables, out, formats)
    return tables

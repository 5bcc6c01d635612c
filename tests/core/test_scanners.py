"""One scanner written in several ways is one: in names, tables, harmonization, norms and charts."""

from pathlib import Path

import pytest

from ctworkbench.core.analysis.harmonization import Harmonizing
from ctworkbench.core.model import Scan
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.scanners import one_name_each, same_scanner
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.harmonizing import scan_volumes
from tests.core.norm_study import study_of

REVOLUTION = "GE MEDICAL SYSTEMS Revolution CT"
SPELLINGS = (REVOLUTION, "GE MEDICAL SYSTEMS  revolution ct", "GE Revolution CT", " ge revolution CT ")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        *((REVOLUTION, spelling, True) for spelling in SPELLINGS),
        ("General Electric Revolution CT", "GE HEALTHCARE Revolution CT", True),
        ("GE MEDICAL SYSTEMS GE Revolution CT", "GE Revolution CT", True),
        ("SIEMENS SOMATOM Force", "Siemens Healthineers Somatom Force", True),
        ("Philips Healthcare iCT 256", "PHILIPS ICT 256", True),
        ("Canon Medical Systems Corporation Aquilion ONE", "CANON_MEC Aquilion ONE", True),
        ("GE Revolution EVO", "GE Revolution CT", False),
        ("GE Revolution", "GE Revolution CT", False),
        ("Siemens Revolution CT", "GE Revolution CT", False),
        ("Revolution CT", "GE Revolution CT", False),  # a maker that nobody told is not guessed
        ("Genesis CT", "GE nesis CT", False),
        ("TOSHIBA Aquilion ONE", "CANON Aquilion ONE", False),
        ("", "GE Revolution CT", False),
        ("GE LightSpeed16", "GE LightSpeed 16", False),
    ],
)
def test_that_spellings_of_one_device_are_the_same_and_other_devices_are_not(one: str, other: str, same: bool) -> None:
    assert same_scanner(one, other) is same and same_scanner(other, one) is same


def test_that_the_most_frequent_spelling_stands_for_all() -> None:
    found = one_name_each([*SPELLINGS, "GE Revolution CT", "Siemens Force", ""])
    assert {found[name] for name in SPELLINGS} == {"GE Revolution CT"}
    assert (found["Siemens Force"], found[""]) == ("Siemens Force", "")


def test_that_a_scanner_written_in_four_ways_counts_once_in_tables_harmonization_norms_and_charts(
    tmp_path: Path,
) -> None:
    with study_of(tmp_path / "study", simulate(published_norm(), 64, seed=5)) as workbench:
        study = workbench._study
        with study.database.writing() as session:
            for number, scan in enumerate(session.query(Scan)):
                scan.scanner = SPELLINGS[number // 2 % 4] if number % 2 else "Siemens Force"
        # 32 of Siemens, 32 of GE in four ways
        groups = {g.group: g.n for g in workbench.norms.tables().groups if g.grouping == "scanner"}
        assert groups == {"Siemens Force": 32, REVOLUTION: 32}
        assert {scan.scanner for scan in scan_volumes(study)} == set(groups)
        assert {scan.scanner for scan in norm_library._scans(study)} == set(groups)
        assert {dot.scanner for dot in workbench.norms.chart("cerebellum").dots} == set(groups)
        harmonized = workbench.norms.further_tables(harmonize=Harmonizing("scanner", 20))
        assert {row.batch for row in harmonized.batches} == set(groups)
        # a scan is shown as it was found
        rows = {row.scan_id: row.scanner for row in workbench.norms.volumes()}
        assert rows[8] == SPELLINGS[3]

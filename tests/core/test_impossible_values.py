"""Values that cannot be what they are called give no z, no centile and no finding, wherever they are read."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.norms.units import age_possible, months_doubt, volume_fault
from ctworkbench.core.workbench import Workbench, norm_library
from tests.core.norm_study import study_of

CHILDREN = simulate(published_norm(), 60, seed=4)


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with study_of(tmp_path / "study", CHILDREN) as opened:
        yield opened


def change(workbench: Workbench, statement: str) -> None:
    """Change the study as a faulty import or a damaged disk would."""
    with workbench._study.database.writing() as session:
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        (0.0, "the region is not in the label map"),
        (-5.0, "-5 cm³ is no volume"),
        (math.inf, "inf cm³ is no volume"),
        (math.nan, "nan cm³ is no volume"),
        (205_911.0, "205,911 cm³ is more than any brain: mm³?"),
        (1e-3, ""),
        (205.9, ""),
    ],
)
def test_that_a_number_that_is_no_volume_gets_no_centile_and_the_reason(volume: float, said: str) -> None:
    assert volume_fault(volume) == said
    found = published_norm().assess("right_frontal", "M", 2.0, volume)
    assert found.reason == said
    assert (found.z is None, found.centile is None) == (bool(said), bool(said))


def test_that_volumes_in_cubic_millimetres_get_no_z_in_child_chart_and_total(workbench: Workbench) -> None:
    change(workbench, "UPDATE measurement SET value = value * 1000")
    child = workbench.norms.subject(CHILDREN[0].subject)
    assert child.refusal is None  # the child is within the norm; its numbers are not
    assert all(row.z is None and "mm³?" in row.reason for row in child.rows)
    assert all(side.z is None and "mm³?" in side.reason for side in child.asymmetries)
    assert child.total.volume_cm3 == 0.0
    for data in workbench.norms.charts(["brainstem", "frontal"]).values():
        assert all(dot.z is None for dot in data.dots) and len(data.outside) == 60
        assert all("mm³?" in reason for reason in data.outside.values())


@pytest.mark.parametrize("value", ["9e999", "-9e999"])
def test_that_a_number_that_is_none_is_not_measured_and_every_table_is_made(
    workbench: Workbench, tmp_path: Path, value: str
) -> None:
    change(workbench, f"UPDATE measurement SET value = {value} WHERE annotation_id = 1 AND region = 'right_parietal'")
    assert not any(row.scan_id == 1 and row.region == "right_parietal" for row in workbench.norms.volumes())
    notes = " ".join(workbench.norms.tables().notes)
    assert f"The right parietal lobe was not measured in 1 of 60 scans: {CHILDREN[0].subject}." in notes
    workbench.norms.further_tables()
    row = next(row for row in workbench.norms.subject(CHILDREN[0].subject).rows if row.region == "right_parietal")
    assert (row.volume_cm3, row.z) == (0.0, None)
    assert all(math.isfinite(dot.value) for dot in workbench.norms.chart("right_parietal").dots)
    with pytest.raises(WorkbenchError, match="No volume was given for right_parietal"):
        workbench.norms.report(CHILDREN[0].subject, tmp_path / "a.pdf")


def test_that_volumes_below_0_are_said_once_and_left_out(workbench: Workbench) -> None:
    change(workbench, "UPDATE measurement SET value = -value WHERE region = 'brainstem' AND annotation_id <= 20")
    tables = workbench.norms.tables()
    assert any(note.startswith("20 volumes below 0, left out: ") for note in tables.notes)
    (left,) = [entry for entry in tables.exclusions if "below 0" in entry.reason]
    assert (left.volumes, left.reason) == (20, "a volume of the brainstem below 0 is none")
    assert {row.n for row in tables.descriptions if row.region == "brainstem" and row.sex == "all"} == {40}


def test_that_ages_taken_for_unknown_are_used_by_no_warning_either(workbench: Workbench) -> None:
    change(workbench, "UPDATE scan SET age_years = age_years * 365.25")
    notes = " ".join(workbench.norms.tables().notes)
    assert "60 ages outside 0 to 120 years" in notes
    assert "older than girls" not in notes and "younger than girls" not in notes
    assert not any(age_possible(age) for age in (365.25, -1.0, math.nan, None))


def test_that_fits_of_nothing_are_called_that_and_not_one_sex(workbench: Workbench) -> None:
    change(workbench, "UPDATE scan SET age_years = age_years * 365.25")
    told = " ".join(note for notes in workbench.norms.further_tables().notes.values() for note in notes)
    assert "no scan is left" in told
    assert "of one sex" not in told and "ages of a fit are equal" not in told and "all 0 scans" not in told


def test_that_ages_in_months_with_decimals_are_a_note_of_the_norm_too(workbench: Workbench) -> None:
    change(workbench, "UPDATE scan SET age_years = age_years * 12")
    preview = workbench.norms.preview_fit("linear", "current", norm_library.Selection())
    assert any("If they are months, 1.5" in note for note in preview.notes)
    assert months_doubt([1.5, 2.0, 2.5]) == "" and months_doubt([20.0, 30.0, 70.0 * 12]) == ""

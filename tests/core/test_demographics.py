"""Ages and sexes that came in wrong: doubted at once, corrected with a reason, made more exact."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.cohort_table import doubtful_ages, read_cohort
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from tests.core.dicom_series import write_series
from tests.core.heads import study_with_heads


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with study_with_heads(tmp_path, count=2) as workbench:
        yield workbench


def take(study: Workbench, files: Path, age: str | None = None) -> list[tuple[bool, str, str]]:
    """Import a series of P007, with a table of its age or without one; what was skipped or refused."""
    table = None
    if age is not None:
        table = files.parent / "table.csv"
        table.write_text(f"subject,sex,age_years\nP007,F,{age}\n")
    jobs = study.cohort.import_paths([files], table)
    assert study.wait(jobs) == []
    return [(row.skipped, row.reason, row.remedy) for row in study.cohort.refused_by(jobs[0])]


def test_that_a_table_of_months_is_doubted_with_the_years_meant(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("subject,sex,age_years\nA,M,25\nB,F,29\nC,F,2.5\n")
    said = doubtful_ages(read_cohort(tmp_path / "table.csv"))
    assert "2 of 3 ages lie above 18 years: A 25, B 29" in said
    assert "If they are months, 2.08 to 2.42 years are meant" in said
    (tmp_path / "table.csv").write_text("subject,sex,age_years\nA,M,2.5\nB,F,17.9\n")
    assert doubtful_ages(read_cohort(tmp_path / "table.csv")) == ""


def test_that_a_doubted_age_stands_in_the_warnings_until_it_is_corrected(study: Workbench) -> None:
    assert study.cohort.age_doubts() == ""
    study.cohort.correct("S1", "to try", age_years=25.0)
    assert any("2.08 years are meant" in warning for warning in study.cohort.scan(1).warnings)
    assert "S1 25" in study.cohort.age_doubts()
    study.cohort.correct("S1", "months", age_years=2.08)
    assert not any("are meant" in warning for warning in study.cohort.scan(1).warnings)


def test_that_a_correction_is_in_the_trail_with_who_from_what_and_why(study: Workbench) -> None:
    before = study.cohort.scan(1)
    done = study.cohort.correct("S1", "  the form\nwas wrong ", age_years=1.25, sex="F")
    after = study.cohort.scan(1)
    assert (str(before.sex), str(after.sex), after.age_years) == ("M", "F", 1.25)
    assert done.changes == (f"age {before.age_years:g} years → 1.25 years", "sex M → F")
    entry = next(row for row in study.audit.entries() if row.action == "correct subject")
    assert (entry.author, entry.target) == ("reader", "S1")
    assert f"age_years before: {before.age_years:g}, sex before: M" in entry.details
    assert "age_years: 1.25, sex: F" in entry.details
    assert entry.why == "the form was wrong"
    assert study.verify() == []


@pytest.mark.parametrize(
    ("code", "reason", "values", "message"),
    [
        ("S9", "why", {"age_years": 1.0}, "no subject S9"),
        ("S1", "  ", {"age_years": 1.0}, "needs a reason"),
        ("S1", "why", {}, "Nothing was given"),
        ("S1", "why", {"age_years": -1.0}, "no human age"),
        ("S1", "why", {"age_years": float("nan")}, "no human age"),
        ("S1", "why", {"sex": "X"}, "not a sex"),
        ("S1", "why", {"sex": "M"}, "these values already"),
        ("S1", "why", {"age_years": 1.0, "scan_id": 9}, "has no scan 9"),
    ],
)
def test_that_a_correction_that_cannot_be_is_refused_and_changes_nothing(
    study: Workbench, code: str, reason: str, values: dict[str, object], message: str
) -> None:
    before = study.cohort.scans()
    with pytest.raises(WorkbenchError, match=message):
        study.cohort.correct(code, reason, **values)  # pyright: ignore[reportArgumentType]
    assert study.cohort.scans() == before


def test_that_an_age_of_the_table_within_the_headers_whole_years_is_the_more_exact_one(tmp_path: Path) -> None:
    files = tmp_path / "files"
    write_series(files, tags={"PatientAge": "002Y", "PatientBirthDate": "", "PatientSex": "F"})
    with Workbench.create(tmp_path / "study", Settings()) as study:
        assert take(study, files) == []
        assert study.cohort.scan(1).age_years == 2.0
        refused = take(study, files, "3.10")
        assert [row[:2] for row in refused] == [
            (False, "It is in the study already with the age 2.00 years; here it is 3.10.")
        ]
        assert "ctworkbench correct" in refused[0][2]
        ((skipped, reason, _),) = take(study, files, "2.45")
        assert skipped and "2.00 of the header (002Y) is now the more exact 2.45 years" in reason
        assert study.cohort.scan(1).age_years == 2.45
        entry = next(row for row in study.audit.entries() if row.action == "complete scan")
        assert "age_years: 2.45, age_years before: 2.0, header_age: 002Y" in entry.details
        assert take(study, files)[0][:2] == (True, "It is in the study already.")
        assert study.cohort.scan(1).age_years == 2.45
        assert take(study, files, "2.80")[0][0] is False

"""The cohort table: every fault is told by row and column, with what to write instead."""

import re
from pathlib import Path

import pytest

from ctworkbench.core.cohort_table import CohortRow, find_row, read_cohort
from ctworkbench.core.errors import ImportRefused


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "cohort.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refusal(folder: Path, text: str, encoding: str = "utf-8") -> str:
    with pytest.raises(ImportRefused) as raised:
        read_cohort(table(folder, text, encoding))
    assert raised.value.remedy
    return raised.value.message


def test_that_a_table_is_read_by_subject_and_other_columns_are_ignored(tmp_path: Path) -> None:
    cohort = read_cohort(
        table(tmp_path, "subject,sex,age_years,site,scanner,frontal_cm3\nP001,F,1.98,Lyon,Force,231.5\nP002,m,3,,,\n")
    )
    assert cohort == {
        "P001": CohortRow(subject="P001", sex="F", age_years=1.98, site="Lyon", scanner="Force"),
        "P002": CohortRow(subject="P002", sex="M", age_years=3.0),
    }


def test_that_unknown_sex_and_age_are_allowed_when_said(tmp_path: Path) -> None:
    row = read_cohort(table(tmp_path, "subject,sex,age_years\nP001,U,\n"))["P001"]
    assert (row.sex, row.age_years) == (None, None)


@pytest.mark.parametrize(("born", "scanned"), [("2019-05-04", "2021-05-04"), ("20190504", "20210504")])
def test_that_age_follows_from_birth_and_study_date(tmp_path: Path, born: str, scanned: str) -> None:
    row = read_cohort(table(tmp_path, f"subject,sex,birth_date,study_date\nP001,F,{born},{scanned}\n"))["P001"]
    assert row.age_years == pytest.approx(2.0, abs=0.005)


def test_that_the_day_of_the_scan_is_kept_where_the_table_gives_it(tmp_path: Path) -> None:
    text = "subject,sex,age_years,study_date\nP001,F,2.0,20210504\nP002,F,2.0,\n"
    rows = read_cohort(table(tmp_path, text))
    assert (rows["P001"].study_date, rows["P002"].study_date) == ("2021-05-04", "")
    message = refusal(tmp_path, "subject,sex,age_years,study_date\nP001,F,2.0,in May\n")
    assert "row 2, column study_date: 'in May' is not a date" in message


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-8"), (",", "utf-16")]
)
def test_that_spreadsheet_exports_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = delimiter.join(["subject", "sex", "age_years"]) + "\r\n" + delimiter.join(["Ø1", "F", "2.5"]) + "\r\n\r\n"
    assert read_cohort(table(tmp_path, text, encoding))["Ø1"].age_years == 2.5


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("P001,,2", ["row 2", "column sex", "empty", "M, F, or U"]),
        ("P001,X,2", ["row 2", "column sex", "'X'", "M, F, or U"]),
        ("P001,F,two years", ["row 2", "column age_years", "'two years'", "1.98"]),
        ("P001,F,2y", ["row 2", "column age_years", "'2y'"]),
        ("P001,F,nan", ["row 2", "column age_years", "'nan'"]),
        ("P001,F,-1", ["row 2", "column age_years", "negative"]),
        ("P001,F,240", ["row 2", "column age_years", "months", "20.00"]),
        (",F,2", ["row 2", "column subject", "empty"]),
        ("P001,F,2\nP001,F,2", ["row 3", "P001 stands in row 2"]),
        ("P001,F,2\np001,F,2", ["row 3", "p001 and P001 of row 2 differ in the case of their letters alone"]),
        ("P001,F,1,98", ["row 2", "4 cells under 3 headings", "not a comma"]),
    ],
)
def test_that_a_fault_is_told_by_row_and_column(tmp_path: Path, row: str, parts: list[str]) -> None:
    message = refusal(tmp_path, f"subject,sex,age_years\n{row}\n")
    for part in ("cohort.csv", *parts):
        assert part in message


def test_that_all_faults_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "subject,sex,age_years\nP001,,2\nP002,F,two\nP003,M,3\n")
    assert "2 faults" in message and "row 2" in message and "row 3" in message


def test_that_a_decimal_comma_is_refused_with_what_to_write(tmp_path: Path) -> None:
    assert "'1,98' is not a number" in refusal(tmp_path, "subject;sex;age_years\nP001;F;1,98\n")


def test_that_a_column_of_months_is_refused_and_decimals_let_it_pass(tmp_path: Path) -> None:
    months = "subject,sex,age_years\nP1,F,6\nP2,F,12\nP3,M,24\nP4,M,36\n"
    assert "look like months" in refusal(tmp_path, months)
    assert read_cohort(table(tmp_path, months.replace("36", "36.0")))["P4"].age_years == 36.0
    adults = "subject,sex,age_years\nP1,F,61\nP2,F,47\nP3,M,24\nP4,M,36\n"
    assert len(read_cohort(table(tmp_path, adults))) == 4


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("subject,age_years\nP1,2\n", "lacks the column sex"),
        ("sex,age_years\nF,2\n", "lacks the column subject"),
        ("subject,sex\nP1,F\n", "age_years (or birth_date and study_date)"),
        ("subject,sex,age_months\nP1,F,24\n", "It has age_months"),
        ("subject|sex|age_years\nP1|F|2\n", "separate the columns with commas"),
        ("subject,sex,sex,age_years\nP1,F,F,2\n", "column sex twice"),
        ("subject,sex,age_years\n", "no rows"),
        ("", "is empty"),
    ],
)
def test_that_a_table_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, part: str) -> None:
    assert part in refusal(tmp_path, text)


def test_that_another_encoding_or_a_spreadsheet_is_refused(tmp_path: Path) -> None:
    assert "not in UTF-8" in refusal(tmp_path, "subject,sex,age_years\nJosé,M,2\n", "latin-1")
    spreadsheet = tmp_path / "cohort.xlsx"
    spreadsheet.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(ImportRefused, match="spreadsheet"):
        read_cohort(spreadsheet)
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_cohort(tmp_path / "none.csv")


def test_that_a_bad_date_is_told_by_its_column(tmp_path: Path) -> None:
    message = refusal(tmp_path, "subject,sex,birth_date,study_date\nP1,F,04.05.2019,2021-05-04\n")
    assert "column birth_date: '04.05.2019'" in message


def test_that_rows_are_found_by_series_then_file_then_subject(tmp_path: Path) -> None:
    cohort = read_cohort(
        table(tmp_path, "subject,sex,age_years,series_uid,file\nA,F,1,1.2.3,\nA,F,2,1.2.4,\nB,M,3,,scan_17\nC,M,4,,\n")
    )
    assert len(cohort) == 4

    def age(subject: str, uid: str, *names: str) -> float | None:
        row = find_row(cohort, subject, uid, [Path("/data") / name for name in names])
        return row.age_years if row else None

    assert age("other", "1.2.4") == 2.0
    assert age("other", "9", "scan_17", "001.dcm") == 3.0
    assert age("C", "9") == 4.0
    assert age("A", "9") is None
    assert age("D", "9") is None


def test_that_a_file_is_told_from_its_namesake_in_another_folder() -> None:
    cohort = {
        code: CohortRow(subject=code, sex=sex, file=file)
        for code, sex, file in (("A", "M", "one/ct.nii.gz"), ("B", "F", "two\\ct.nii.gz"), ("C", "M", "ct.nii.gz"))
    }
    places = {name: Path("/data") / name / "ct.nii.gz" for name in ("one", "two", "three")}
    found = {name: find_row(cohort, "ct", "", [place]) for name, place in places.items()}
    assert {name: row.subject for name, row in found.items() if row} == {"one": "A", "two": "B", "three": "C"}
    cohort["D"] = CohortRow(subject="D", sex="F", file="one/ct.nii.gz")
    with pytest.raises(ImportRefused, match="A and D both name it"):
        find_row(cohort, "ct", "", [places["one"]])


def test_that_a_row_about_one_file_does_not_serve_another_of_the_same_subject() -> None:
    cohort = {"A": CohortRow(subject="A", age_years=1.5, file="first.nii.gz")}
    assert find_row(cohort, "A", "", [Path("/data/A_image.nii.gz")]) is None


@pytest.mark.parametrize(
    ("age", "hint"),
    [("216", "in months, write 18.00"), ("730", "in days, write 2.00"), ("90000", "no human age in years")],
)
def test_that_an_impossible_age_is_asked_for_in_the_unit_in_which_it_would_be_a_childs(
    tmp_path: Path, age: str, hint: str
) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(f"subject,sex,age_years\nP1,M,{age}\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match=hint) as refused:
        read_cohort(path)
    assert ("write" in str(refused.value).split(";")[-1]) == ("write" in hint)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"P\n1"', "column subject: signs that cannot be printed, such as a line end"),
        ("P\u20281", "column subject: signs that cannot be printed"),
        ("P\x1b[31m", "column subject: signs that cannot be printed"),
        ("x" * 65, "column subject: 65 signs; a code has 64 at most"),
        ("x" * 200_000, "is no table: field larger than field limit"),
    ],
)
def test_that_a_code_that_breaks_a_list_is_a_fault_and_no_code(tmp_path: Path, cell: str, said: str) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(f"subject,sex,age_years\n{cell},M,2\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match=re.escape(said)):
        read_cohort(path)

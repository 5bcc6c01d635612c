"""The further tables of a study: from its scans to the sheets, files and the command, with what is missing said."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from ctworkbench.cli import main
from ctworkbench.core.analysis.further import TITLES, further
from ctworkbench.core.analysis.further_sheets import harmonized_sheet, notes_text, sheets, write_further
from ctworkbench.core.analysis.harmonization import Harmonizing
from ctworkbench.core.analysis.printing import latex_table
from ctworkbench.core.analysis.scans import ScanVolumes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Scan
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.harmonizing import scan_volumes
from tests.core.further_reference import REGIONS, children, cohort
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A study of 17 scans: P003 without sex, P005 without age, P015 without labels, P016 not even preprocessed."""
    opened = seed(tmp_path_factory.mktemp("further") / "study")
    yield opened
    opened.close()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_that_a_study_gives_every_scan_with_its_scanner_site_and_inside_of_the_skull(workbench: Workbench) -> None:
    scans = {scan.subject: scan for scan in scan_volumes(workbench._study)}
    assert len(scans) == 17
    assert scans["P001"].intracranial_cm3 == 1100.0
    assert scans["P016"].intracranial_cm3 is None
    assert scans["P015"].volumes_cm3 == {}
    assert (scans["GE-ADULT"].scanner, scans["P001"].site) == ("GE HiSpeed Dual", "South")
    assert set(scans["P001"].volumes_cm3) == set(REGIONS)
    assert workbench.norms.intracranial_volumes() == dict.fromkeys([*range(1, 16), 17], 1100.0)


def test_that_the_newest_preprocessing_counts(tmp_path: Path) -> None:
    from ctworkbench.core.model import Preprocessing

    with seed(tmp_path / "study", children=2) as opened:
        with opened._study.database.writing() as session:
            session.add(
                Preprocessing(
                    scan_id=1,
                    image_key="a",
                    brain_key="a",
                    skull_key="a",
                    equalized_key="a",
                    brain_cm3=1234.0,
                    warnings=[],
                    code_version="1",
                    job_id="q",
                )
            )
        assert opened.norms.intracranial_volumes()[1] == 1234.0


def test_that_what_is_missing_in_a_study_is_counted_and_named(workbench: Workbench) -> None:
    rows = {row.variable: row for row in workbench.norms.further_tables().missing}
    assert rows["sex"].subjects == ("P003",)
    assert rows["age"].subjects == ("P005",)
    assert rows["any volume"].subjects == ("P015", "P016")
    assert rows["intracranial volume"].subjects == ("P016",)
    assert rows["all of these: sex, age and every region"].missing == 4


def test_that_every_model_tells_its_complete_cases_of_all_scans(workbench: Workbench) -> None:
    tables = workbench.norms.further_tables()
    assert {(row.used, row.scans) for row in tables.complete_cases if row.model == "age × sex"} == {(13, 17)}
    fitted = {row.model for row in (*tables.adjusted, *tables.interaction, *tables.mixed, *tables.asymmetry_effects)}
    assert {row.model for row in tables.complete_cases} == fitted


def test_that_a_constant_skull_and_too_small_scanners_are_said_and_not_guessed(workbench: Workbench) -> None:
    tables = workbench.norms.further_tables()
    assert "adjusted for intracranial volume" not in {row.model for row in tables.adjusted}
    assert any("intracranial volume is the same in all" in note for note in tables.notes["adjusted"])
    assert tables.harmonized == ()
    assert any("fewer than two scanners have enough scans" in note for note in tables.notes["harmonization"])
    with pytest.raises(WorkbenchError, match="ComBat by site: nothing was harmonized"):
        workbench.norms.further_tables(harmonize=Harmonizing("site"))


def test_that_a_source_that_was_not_measured_says_what_to_run(workbench: Workbench) -> None:
    with pytest.raises(WorkbenchError) as refused:
        workbench.norms.further_tables("model")
    assert "ctworkbench measure" in refused.value.remedy


def test_that_all_tables_are_sheets_with_captions_that_name_the_source() -> None:
    tables = further(cohort(), REGIONS)
    made = sheets(tables)
    assert [len(sheet.rows) > 0 for sheet in made] == [True] * 9 + [False], "nothing is incomplete in this cohort"
    assert len({sheet.name for sheet in made}) == len(made)
    for sheet in made:
        assert all(len(row) == len(sheet.columns) for row in sheet.rows)
        assert sheet.texts() is not None
    for sheet in made[:6]:
        assert "Volumes: expert;" in sheet.caption


def test_that_models_of_harmonized_volumes_are_named_so_in_every_table() -> None:
    measured, done = further(children(), REGIONS), further(children(), REGIONS, harmonized=True)
    assert done.source == "expert, harmonized by scanner (ComBat)"
    assert done.harmonized == measured.harmonized
    assert measured.source == "expert"
    assert done.adjusted[0].estimate != measured.adjusted[0].estimate
    for sheet in sheets(done)[:6]:
        assert "harmonized by scanner (ComBat)" in sheet.caption
        assert any("harmonized" in note for note in sheet.notes)


def test_that_harmonization_takes_the_scanner_out_of_the_mixed_model() -> None:
    by_scanner = "random intercept of the scanner"
    of = [
        {
            row.region: row
            for row in further(children(), REGIONS, harmonized=harmonized).spreads
            if row.model == by_scanner
        }
        for harmonized in (False, True)
    ]
    assert all(of[1][region].sd_group < 0.35 * of[0][region].sd_group for region in REGIONS)


def test_that_files_hold_measured_and_harmonized_volumes_side_by_side(tmp_path: Path) -> None:
    paths = write_further(further(children(), REGIONS), tmp_path)
    assert all(path.exists() for path in paths)
    assert {path.parent.name for path in paths} == {"further"}
    rows = read(tmp_path / "further" / "harmonized_volumes.csv")
    assert len(rows) == 2400
    (first,) = [row for row in rows if (row["subject"], row["region"]) == ("R001", "right_frontal")]
    assert float(first["measured_cm3"]) == 167.311
    assert first["harmonized_cm3"] != first["measured_cm3"]
    assert first["source"] == "expert, harmonized by scanner (ComBat)"
    names = {path.name for path in paths}
    for table in (
        "adjusted_for_size",
        "age_by_sex",
        "mixed_models",
        "harmonization",
        "asymmetry_index",
        "missing_data",
    ):
        assert {f"{table}.csv", f"{table}.tex"} <= names
    assert {"further_tables.docx", "further_tables.tex", "further.json", "notes.txt"} <= names
    kept = json.loads((tmp_path / "further" / "further.json").read_text(encoding="utf-8"))
    assert kept["n_scans"] == 240
    notes = (tmp_path / "further" / "notes.txt").read_text(encoding="utf-8")
    assert notes.startswith("Research use only")
    assert all(f"{title}:" in notes for title in TITLES.values())


def test_that_numbers_stand_in_full_in_csv(tmp_path: Path) -> None:
    tables = further(children(), REGIONS)
    write_further(tables, tmp_path, ["csv"])
    row = read(tmp_path / "further" / "adjusted_for_size.csv")[0]
    assert float(row["estimate"]) == tables.adjusted[0].estimate
    assert not (tmp_path / "further" / "further_tables.docx").exists()


def test_that_of_two_scans_of_a_child_the_first_is_used_but_for_the_model_of_the_child() -> None:
    tables = further(cohort(), REGIONS)
    assert {row.n for row in tables.interaction} == {240}
    n = {row.model: row.n for row in tables.spreads}
    assert (n["random intercept of the scanner"], n["random intercept of the child"]) == (240, 280)
    assert any("40 further scans left out" in note for note in tables.notes["interaction"])
    every = further(cohort(), REGIONS, repeats="all")
    assert {row.n for row in every.interaction} == {280}
    assert any("280 scans of 240 subjects" in note for note in every.notes["interaction"])


def test_that_ages_in_months_and_volumes_in_mm3_are_said_and_never_converted() -> None:
    scans = children()
    scans[0] = replace(scans[0], age_years=730.0)
    scans[1] = replace(scans[1], volumes_cm3={name: 1000 * v for name, v in scans[1].volumes_cm3.items()})
    tables = further(scans, REGIONS)
    told = " ".join(tables.notes["interaction"])
    assert "outside 0 to 120 years" in told
    assert "too large for cm³" in told
    rows = {row.variable: row for row in tables.missing}
    assert rows["age"].subjects == ("R001",)
    assert rows["any volume"].subjects == ("R002",)
    assert {row.n for row in tables.interaction} == {238}


def test_that_a_cohort_without_volumes_has_empty_tables_and_full_counts() -> None:
    scans = [replace(scan, volumes_cm3={}) for scan in children()]
    tables = further(scans, REGIONS)
    assert (tables.adjusted, tables.spreads, tables.asymmetry, tables.harmonized) == ((), (), (), ())
    assert {row.variable: row.missing for row in tables.missing}["any volume"] == 240


def test_that_long_lists_of_subjects_are_cut_in_notes_and_whole_in_the_rows() -> None:
    scans: list[ScanVolumes] = [replace(scan, sex=None) if scan.scan < 31 else scan for scan in children()]
    tables = further(scans, REGIONS)
    (note,) = [line for line in notes_text(tables).splitlines() if "“age × sex”" in line]
    assert note.endswith(
        "30 scans, sex unknown: R001, R002, R003, R004, R005, R006, R007, R008, R009, R010, R011, R012 and 18 more."
    )
    (row,) = tables.left_out["interaction"]
    assert len(row.subjects) == 30
    assert [entry.reason for entry in sheets(tables)[1].exclusions] == ["sex unknown (age × sex)"]


def test_that_a_table_longer_than_a_page_is_printed_in_parts_with_all_its_rows() -> None:
    sheet = sheets(further(children(), REGIONS))[0]
    text = latex_table(sheet)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert text.count("(continued)") == 2
    assert text.count(r"\label") == 1
    assert len([line for line in text.splitlines() if line.endswith(r"\\")]) == len(sheet.rows) + 3


def test_that_the_sheet_of_harmonized_volumes_has_a_row_for_each_volume() -> None:
    sheet = harmonized_sheet(further(children(), REGIONS))
    assert len(sheet.rows) == 2400
    assert [column.key for column in sheet.columns][4:6] == ["measured_cm3", "harmonized_cm3"]


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 60 children at two sites; sexes alternate, every third child is of the South."""
    folder = tmp_path_factory.mktemp("sites") / "study"
    with seed(folder, children=60) as opened, opened._study.database.writing() as session:
        for scan in session.scalars(select(Scan)):
            scan.site = "South" if scan.id % 3 == 0 else "North"
    return folder


def test_that_the_command_writes_the_further_tables_beside_the_articles(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", str(two_sites), "--out", str(tmp_path), "--further", "--format", "csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["further"]["n_scans"] == 61
    names = {path.name for path in (tmp_path / "further").iterdir()}
    assert {"adjusted_for_size.csv", "mixed_models.csv", "missing_data.csv", "further.json", "notes.txt"} <= names
    assert "further_tables.docx" not in names
    assert (tmp_path / "table2_volumes_by_sex.csv").exists()
    assert "further" not in json.loads((tmp_path / "statistics.json").read_text(encoding="utf-8"))


def test_that_the_command_makes_all_tables_from_harmonized_volumes_and_names_them_so(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["stats", str(two_sites), "--format", "csv", "--further"]
    harmonize = ["--harmonize", "site", "--min-per-batch", "15"]
    assert main([*command, "--out", str(tmp_path / "measured")]) == 0
    capsys.readouterr()
    assert main([*command, "--out", str(tmp_path / "harmonized"), *harmonize, "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert all("harmonized by site (ComBat)" in source for source in told["sources"])
    assert any(note.startswith("Volumes: ") and "not as measured" in note for note in told["notes"])
    assert "not as measured" in printed.err
    lost = {row["reason"]: row["subjects"] for row in told["exclusions"] if row["table"] == "ComBat by site"}
    assert lost["sex unknown"] == ["P003"] and lost["age unknown"] == ["P005"]
    measured, harmonized = (read(tmp_path / kind / "table2_volumes_by_sex.csv") for kind in ("measured", "harmonized"))
    assert [row["region"] for row in measured] == [row["region"] for row in harmonized]
    assert measured[0]["overall_mean_cm3"] != harmonized[0]["overall_mean_cm3"]
    both = read(tmp_path / "harmonized" / "further" / "harmonized_volumes.csv")
    assert {row["batch"] for row in both} == {"North", "South"}


def test_that_the_measured_volumes_of_a_study_stay_as_they_are(two_sites: Path, tmp_path: Path) -> None:
    with Workbench.open(two_sites, Settings()) as opened:
        before = opened.norms.volumes()
        how = Harmonizing("site", 15)
        opened.norms.statistics(tmp_path, formats=["csv"], harmonize=how)
        assert opened.norms.further_tables(harmonize=how).harmonized
        assert opened.norms.volumes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--harmonize", "scanner"], "ComBat by scanner: nothing was harmonized"),
        (["--min-per-batch", "5"], "--min-per-batch asks for --harmonize"),
    ],
)
def test_that_a_harmonization_that_cannot_be_made_fails_with_the_reason(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["stats", str(two_sites), "--out", str(tmp_path), "--format", "csv", *options]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "table2_volumes_by_sex.csv").exists()

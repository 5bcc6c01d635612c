"""Reports of a study: one child's page from its database, and the pages of all in jobs that go on where they were."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from ctworkbench.cli import main
from ctworkbench.core.errors import JobCancelled, WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.model import Annotation, Measurement, Origin, Review, Scan, Sex, Subject, Verdict
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.report import ReportInput, batch
from ctworkbench.core.report.batch import ReportsParams, file_name, write_reports
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench, reporting
from ctworkbench.core.workbench.child import find, reader
from tests.core.norm_cohorts import fitted, scans_of

NORM = published_norm()
AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])


def add_scan(
    workbench: Workbench,
    code: str,
    age: float | None = 2.0,
    sex: Sex | None = Sex.FEMALE,
    shift: float = 0.0,
    protocol: dict[str, Any] | None = None,
    site: str = "",
    labelled: bool = True,
    measured: bool = True,
    verdict: tuple[Verdict, str, float] | None = None,
) -> int:
    """One scan of ten blocks with the volumes of the norm's middle, moved by `shift` cm³; its id."""
    study = workbench._study
    labels = np.zeros((12, 12, 12), np.uint8)
    for number in range(10):
        x = slice(7, 10) if number in (0, 2, 4, 6) else slice(2, 5) if number in (1, 3, 5, 7) else slice(5, 7)
        labels[x, 1 + number : 2 + number, 2:10] = number + 1
    image = np.where(labels > 0, 35, -1000).astype(np.int16)
    with study.database.writing() as session:
        subject = session.scalar(select(Subject).where(Subject.code == code))
        if subject is None:
            subject = Subject(code=code, sex=sex, role=None)
            session.add(subject)
            session.flush()
        made = session.query(Scan).count() + 1
        image[0, 0, 0] = made  # every scan has images of its own
        scan = Scan(
            subject_id=subject.id,
            series_uid=f"1.2.{made}",
            age_years=age,
            site=site,
            scanner="GE Revolution CT",
            source="",
            orientation="RAS",
            shape=[12, 12, 12],
            spacing=[0.49, 0.49, 1.25],
            protocol={"slice_thickness_mm": 1.25, "kernel": "STANDARD", "kvp": 120.0} | (protocol or {}),
            corrections=["Gantry tilt of 12° was corrected."],
            warnings=[],
            image_key=study.store.put(Volume(image, AFFINE)),
            job_id="i",
        )
        session.add(scan)
        session.flush()
        if labelled:
            row = Annotation(
                scan_id=scan.id,
                scheme="lobes10",
                version=1,
                parent_id=None,
                labels_key=study.store.put(Volume(labels, AFFINE)),
                author="a",
                origin=Origin.REGISTRATION,
                parameters={"preset": "quick", "template_labels": "t"},
                code_version="0.1.0",
            )
            session.add(row)
            session.flush()
            if verdict is not None:
                said, who, seconds = verdict
                session.add(
                    Review(
                        annotation_id=row.id,
                        verdict=said,
                        grade=4 if seconds else None,
                        reasons=[],
                        reviewer=who,
                        seconds=seconds,
                        comment="",
                    )
                )
            for region in NORM.regions if measured else ():
                value = NORM.mean(region, "F", 2.0) + shift
                session.add(
                    Measurement(
                        annotation_id=row.id,
                        region=region,
                        statistic="volume",
                        value=value,
                        unit="cm³",
                        code_version="0",
                        job_id="m",
                    )
                )
        return scan.id


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.create(tmp_path / "study", Settings(author="reader", slots=1)) as opened:
        yield opened


def case_of(workbench: Workbench, code: str = "C1") -> batch.ReportCase:
    study = workbench._study
    with study.database.reading() as session:
        found = find(session, [code], "current")[code]
        sources = reporting._read_sources(session)
    return reporting._case(study, found, "current", NORM, reader(study), sources)


def test_that_the_page_tells_date_slices_kernel_and_scanner_where_known(workbench: Workbench) -> None:
    add_scan(workbench, "C1", protocol={"study_date": "2021-05-04"})
    case = case_of(workbench)
    assert dict(case.facts)["Study date"] == "2021-05-04"
    told = dict(case.acquisition)
    assert (told["Scanner"], told["Kernel"], told["Tube"]) == ("GE Revolution CT", "STANDARD", "120 kVp")
    assert told["Slices"] == "1.25 mm thick, 1.25 mm apart; pixels 0.49 × 0.49 mm"
    add_scan(workbench, "C2")
    assert dict(case_of(workbench, "C2").facts)["Study date"] == "not kept"


@pytest.mark.parametrize(
    ("verdict", "shown", "warned"),
    [
        (None, "no verdict", True),
        ((Verdict.ACCEPT, "nobody (demo)", 0.0), "accepted unread: no reader has looked at it", True),
        ((Verdict.ACCEPT, "Dr Lee", 95.0), "accepted, Dr Lee", False),
        ((Verdict.NEEDS_EDITS, "Dr Lee", 40.0), "needs edits, Dr Lee", True),
    ],
)
def test_that_only_a_reader_who_looked_is_named(workbench: Workbench, verdict: Any, shown: str, warned: bool) -> None:
    add_scan(workbench, "C1", verdict=verdict)
    case = case_of(workbench)
    assert dict(case.provenance)["Verdict"] == shown
    assert "nobody" not in str(case.provenance)
    gravest = case.warnings[0]
    assert gravest.startswith(("No reader has looked", "A reader found")) is warned


def test_that_a_phantom_is_one_by_its_series_or_by_its_site(workbench: Workbench) -> None:
    add_scan(workbench, "C1")
    add_scan(workbench, "P1", protocol={"phantom": "digital phantom, no patient"})
    add_scan(workbench, "P2", site="Digital phantom")
    assert [case_of(workbench, code).phantom for code in ("C1", "P1", "P2")] == [False, True, True]


def test_that_warnings_stand_in_the_order_of_their_weight(workbench: Workbench) -> None:
    add_scan(workbench, "C1", age=1.6)
    add_scan(workbench, "C1", age=2.0, protocol={"slice_thickness_mm": 1.0})
    told = case_of(workbench).warnings
    order = ["No reader", "Labels of a registration lean", "The slices changed", "Gantry tilt"]
    assert [next(i for i, text in enumerate(told) if text.startswith(start)) for start in order] == [0, 1, 2, 3]


def test_that_the_latest_scan_is_reported_by_age_and_not_by_the_order_of_import(workbench: Workbench) -> None:
    add_scan(workbench, "C1", age=2.0)
    add_scan(workbench, "C1", age=1.6)
    case = case_of(workbench)
    assert case.child.scan.age_years == 2.0
    assert [scan.age_years for scan in case.child.scans] == [1.6, 2.0]


def test_that_a_later_scan_without_volumes_is_said(workbench: Workbench) -> None:
    add_scan(workbench, "C1", age=1.6)
    add_scan(workbench, "C1", age=2.0, measured=False)
    case = case_of(workbench)
    assert case.child.scan.age_years == 1.6
    assert case.warnings[0].startswith("A later scan of this subject has no measured label map")


@pytest.mark.parametrize(
    ("change", "told"),
    [({"labelled": False}, "C1 has no label map"), ({"measured": False}, "The label map of C1 was not measured")],
)
def test_that_a_child_without_volumes_gets_no_report_and_the_reason(
    workbench: Workbench, tmp_path: Path, change: dict, told: str
) -> None:
    add_scan(workbench, "C1", **change)
    with pytest.raises(WorkbenchError, match=told):
        workbench.norms.report("C1", tmp_path / "a.pdf")
    with pytest.raises(WorkbenchError, match="No subject of this study has a measured label map"):
        workbench.norms.reports(tmp_path / "all")


def test_that_a_report_into_a_folder_gets_the_subjects_name(workbench: Workbench, tmp_path: Path) -> None:
    add_scan(workbench, "A/1 x")
    path = workbench.norms.report("A/1 x", tmp_path)
    assert path.parent == tmp_path and path.name == file_name("A/1 x")
    assert path.name.startswith("A_1_x-") and path.read_bytes().startswith(b"%PDF")


def test_that_codes_that_look_alike_in_a_file_name_get_files_of_their_own() -> None:
    assert len({file_name(code) for code in ("A/1", "A 1", "A_1", "..")}) == 4
    assert file_name("P001") == "P001.pdf"


@pytest.fixture
def quick_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without images, for tests of what is written and what is kept; a page that is drawn takes a second."""

    def write(report: ReportInput, out: Path, digest: str) -> Path:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(f"{report.child.subject} {digest}")
        return out

    monkeypatch.setattr(batch, "child_report", write)


def params_of(workbench: Workbench, out: Path, codes: tuple[str, ...]) -> ReportsParams:
    return ReportsParams(cases=tuple(case_of(workbench, code) for code in codes), out=out)


@pytest.mark.usefixtures("quick_pages")
def test_that_all_reports_are_written_once_and_again_only_where_something_changed(
    workbench: Workbench, tmp_path: Path
) -> None:
    for code in ("C1", "C2"):
        add_scan(workbench, code)
    params = ReportsParams.model_validate_json(params_of(workbench, tmp_path, ("C1", "C2")).model_dump_json())
    first = write_reports(params, JobContext(tmp_path))
    assert (first.written, first.kept, first.problems) == (("C1.pdf", "C2.pdf"), (), ())
    again = write_reports(params, JobContext(tmp_path))
    assert (again.written, again.kept) == ((), ("C1.pdf", "C2.pdf"))
    add_scan(workbench, "C2", age=2.3)
    changed = write_reports(params_of(workbench, tmp_path, ("C1", "C2")), JobContext(tmp_path))
    assert (changed.written, changed.kept) == (("C2.pdf",), ("C1.pdf",))


@pytest.mark.usefixtures("quick_pages")
def test_that_one_report_that_fails_does_not_stop_the_others(workbench: Workbench, tmp_path: Path) -> None:
    for code in ("C1", "C2"):
        add_scan(workbench, code)
    params = params_of(workbench, tmp_path / "out", ("C1", "C2"))
    params.cases[0].image.unlink()
    (tmp_path / "out").mkdir()
    result = write_reports(params, JobContext(tmp_path))
    assert result.written == ("C2.pdf",)
    assert len(result.problems) == 1 and result.problems[0].startswith("No report of C1: ")


@pytest.mark.usefixtures("quick_pages")
def test_that_a_cancelled_batch_keeps_what_it_wrote_and_goes_on_behind_it(workbench: Workbench, tmp_path: Path) -> None:
    for code in ("C1", "C2"):
        add_scan(workbench, code)
    params = params_of(workbench, tmp_path / "out", ("C1", "C2"))

    class Impatient(JobContext):
        def progress(self, fraction: float, message: str = "") -> None:
            if fraction > 0:
                raise JobCancelled

    with pytest.raises(JobCancelled):
        write_reports(params, Impatient(tmp_path))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["C1.pdf"]
    result = write_reports(params, JobContext(tmp_path))
    assert (result.written, result.kept) == (("C2.pdf",), ("C1.pdf",))


def test_that_reports_end_when_the_command_is_interrupted_before_it_follows_them(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_CASES_PER_JOB", 1)
    for code in ("C1", "C2", "C3"):
        add_scan(workbench, code)
    jobs: list[str] = []
    with pytest.raises(KeyboardInterrupt), workbench:
        jobs += workbench.norms.reports(tmp_path / "out")
        raise KeyboardInterrupt
    assert len(jobs) == 3
    asked = [(workbench.jobs.folder / job / "CANCEL").exists() for job in jobs]
    assert all(asked), asked


def test_that_a_batch_uses_the_fitted_norm_that_the_study_uses(tmp_path: Path, workbench: Workbench) -> None:
    add_scan(workbench, "C1", protocol={"slice_thickness_mm": 0.625})
    own = fitted(tmp_path / "fit", scans_of(simulate(NORM, 100, 6), ("brainstem",)), repeats=0).norm
    norm = FittedNorm(own)
    study = workbench._study
    with study.database.reading() as session:
        found, sources = find(session, ["C1"], "current")["C1"], reporting._read_sources(session)
    case = reporting._case(study, found, "current", norm, reader(study), sources)
    assert {row.region for row in case.child.rows if row.z is not None} == {"brainstem"}
    params = ReportsParams(cases=(case,), out=tmp_path / "out", norm=own.text())
    result = write_reports(ReportsParams.model_validate_json(params.model_dump_json()), JobContext(tmp_path))
    assert (result.written, result.problems) == (("C1.pdf",), ())
    assert case.digest(norm) != case.digest(NORM)
    assert case.digest(norm).encode() in (tmp_path / "out" / "C1.pdf").read_bytes()


def test_that_one_subject_is_described_without_its_images(workbench: Workbench) -> None:
    number = add_scan(workbench, "C1")
    child = workbench.norms.subject("C1")
    assert (child.subject, child.sex, len(child.rows)) == ("C1", "F", 10)
    assert workbench.norms.child(number) == child
    with pytest.raises(WorkbenchError, match="no subject C9"):
        workbench.norms.subject("C9")
    with pytest.raises(WorkbenchError, match="no scan 99"):
        workbench.norms.child(99)
    assert workbench.norms.child(add_scan(workbench, "C3", measured=False)) is None


def test_that_the_command_line_prints_a_child_and_its_change(
    workbench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    add_scan(workbench, "C1", age=1.6, shift=-4.0)
    add_scan(workbench, "C1", age=2.0)
    assert main(["child", str(workbench.folder), "--subject", "C1"]) == 0
    told = capsys.readouterr().out
    assert "C1, F, 2.00 years, registration, version 1" in told
    assert "Change from 1.60 to 2.00 years:" in told and "The measurement error is not known" in told
    assert main(["child", str(workbench.folder), "--subject", "C1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 10
    assert main(["child", str(workbench.folder), "--subject", "C9"]) == 1
    add_scan(workbench, "P1", site="Digital phantom")
    assert main(["child", str(workbench.folder), "--subject", "P1"]) == 0
    assert "Digital phantom" in capsys.readouterr().out and "Digital phantom" not in told


def test_that_the_command_line_prints_the_measurement_error(
    workbench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        add_scan(workbench, f"C{number}", age=2.0)
        add_scan(workbench, f"C{number}", age=2.05, shift=2.0)
    assert main(["error", str(workbench.folder)]) == 0
    assert "right_frontal            1.41" in capsys.readouterr().out
    assert main(["error", str(workbench.folder), "--gap", "0.01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["brainstem"]["sw_cm3"] is None


def test_that_the_command_line_writes_all_reports_and_fails_where_one_is_missing(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_scan(workbench, "C1")
    assert main(["report", str(workbench.folder), "--all", "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["C1.pdf"]
    assert [job.kind for job in workbench.jobs.jobs()] == ["report"]
    add_scan(workbench, "C2", measured=False)
    assert main(["report", str(workbench.folder), "--all", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "0 reports written" in said.out and "1 kept as they were" in said.out
    assert "failed: No report of C2: The label map of C2 was not measured." in said.err

"""What the study keeps of models: who was shown to them, figures of one kind of truth at a time, the way back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Job, JobState
from ctworkbench.core.methods.model_answers import ensembles
from ctworkbench.core.model import Annotation, JobRecord, Measurement, ModelRun, Role, Subject
from ctworkbench.core.report import ReportInput
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.training import (
    SegmentedScan,
    SegmentRequest,
    SegmentResult,
    TrainAnswer,
    TrainCase,
    TrainRequest,
)
from ctworkbench.core.volume import write_nifti
from ctworkbench.core.workbench import Origin, Verdict, Workbench, reporting, tables
from ctworkbench.core.workbench.lineage import machine_made
from ctworkbench.core.workbench.study_facts import study_facts
from tests.core.heads import labels_of, study_with_heads

HASH = "a" * 64


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with study_with_heads(tmp_path, count=2) as workbench:
        yield workbench


def finished(study: Workbench, kind: str, params: TrainRequest | SegmentRequest) -> Path:
    """The folder of a job that is said to have run; its result is the caller's to write."""
    job = Job(
        id=f"{kind}-{len(study.jobs.jobs())}",
        kind=kind,
        title=kind,
        function="none:none",
        params=params.model_dump(mode="json"),
    )
    folder = study.jobs.folder / job.id
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    with study._study.database.writing() as session:
        session.add(JobRecord(id=job.id, kind=kind, scan_id=None, state=JobState.QUEUED, message=""))
    return folder


def trained(study: Workbench, folder: Path) -> TrainAnswer:
    weights = folder / "weights"
    weights.write_bytes(b"w")
    return TrainAnswer(
        weights=weights,
        weights_sha256=HASH,
        network_params={},
        settings={},
        dice_validation=0.8,
        label_kind="expert",
        roles={"S1": "validation", "S2": "train"},
        code_version="0.0.7",
    )


def model(study: Workbench) -> int:
    """A model of one fold, in which the roles are not those of the stored split."""
    cases = tuple(
        TrainCase(
            subject=code,
            image=Path("i.nii.gz"),
            brain=Path("b.nii.gz"),
            labels=Path(f"{code}key.nii.gz"),
            role="train",
            label_kind=kind,
        )
        for code, kind in (("S1", "expert"), ("S2", "pseudo"))
    )
    folder = finished(study, "train", TrainRequest(cases=cases, fold=0))
    (folder / "result.json").write_text(trained(study, folder).model_dump_json())
    study.modelling.record_train(folder.name)
    return study.modelling.models()[0].id


def segmented(study: Workbench, scan_ids: list[int], flips: bool | None = None, windows: bool | None = None) -> None:
    """Scans labelled by the model exactly as `labels_of` does: two regions of ten."""
    params = SegmentRequest(
        cases=(), weights=Path("w"), weights_sha256=HASH, network="n", network_params={}, settings={}, flips=flips
    )
    folder = finished(study, "segment", params)
    cases: list[SegmentedScan] = []
    for scan_id in scan_ids:
        path = folder / f"{scan_id}.nii.gz"
        write_nifti(labels_of(study.cohort.image(scan_id)), path)
        cases.append(SegmentedScan(key=str(scan_id), labels=path, scores={}, seconds=1.0, windows=windows))
    (folder / "result.json").write_text(SegmentResult(cases=tuple(cases), device="cpu").model_dump_json())
    study.modelling.record_segment(folder.name)


def test_that_a_model_keeps_the_roles_of_its_own_fold_and_the_keys_of_what_it_saw(study: Workbench) -> None:
    model(study)
    with study._study.database.reading() as session:
        run = session.get_one(ModelRun, 1)
    assert run.split == {"S1": "validation", "S2": "train"}
    assert [case["labels"] for case in run.parameters["cases"]] == ["S1key", "S2key"]
    assert run.code_version == "0.0.7"
    row = study.modelling.models()[0]
    assert (row.label_kind, row.validation_kind) == ("pseudo- and expert labels", "expert labels")
    assert (row.dice_test, row.test_kind) == (None, "")


def test_that_a_label_map_keeps_how_it_was_made_and_the_methods_tell_it(study: Workbench) -> None:
    model(study)
    segmented(study, [1], flips=False, windows=True)
    segmented(study, [2], flips=True, windows=False)
    told = [study.review.annotations(scan)[0].parameters for scan in (1, 2)]
    assert [(one["flips"], one["windows"], one["device"]) for one in told] == [
        (False, True, "cpu"),
        (True, False, "cpu"),
    ]
    facts = study_facts(study._study, "a", "model")
    text = ensembles(facts)
    assert "is averaged in 1 of 2 label maps, in the others the image alone" in text
    assert "Of 2 label maps, 1 came from windows" in text
    assert "ran on a CPU" in text
    alone = tuple(replace(row, flips=False) for row in facts.label_maps)
    assert "mirror" not in ensembles(replace(facts, label_maps=alone))


def test_that_other_flips_than_those_of_the_label_maps_there_are_told(study: Workbench) -> None:
    number = model(study)
    segmented(study, [1, 2], flips=False)
    with pytest.raises(WorkbenchError, match="has labelled 2 scans without the mirrored head already"):
        study.modelling.segment(number, [1, 2], flips=True)


def test_that_regions_in_neither_map_are_left_out_of_the_agreement(study: Workbench) -> None:
    model(study)
    accepted = study.review.save(1, None, labels_of(study.cohort.image(1)))
    study.review.judge(accepted.id, Verdict.ACCEPT)
    segmented(study, [1])
    newest = study.review.annotations(1)[0]
    assert newest.origin is Origin.MODEL
    assert newest.scores["dice_accepted"] == 1.0  # eight of ten regions are in neither map: not a number, not a zero


def test_that_test_figures_never_mix_experts_with_registrations(study: Workbench) -> None:
    model(study)
    with study._study.database.writing() as session:
        for subject in session.query(Subject):
            subject.role = Role.TEST
        for scan_id, origin, score in ((1, Origin.EXPERT, 0.9), (2, Origin.REGISTRATION, 0.5)):
            session.add(
                Annotation(
                    scan_id=scan_id,
                    scheme="lobes10",
                    version=1,
                    parent_id=None,
                    labels_key="k",
                    author="a",
                    origin=Origin.MODEL,
                    scores={"dice_accepted": score, "dice_accepted_origin": str(origin)},
                    model_id=1,
                    code_version="0",
                )
            )
    row = study.modelling.models()[0]
    assert (row.dice_test, row.test_kind) == (0.9, "expert labels")


def test_that_an_experts_label_map_leads_back_to_the_machine_it_was_drawn_from(study: Workbench) -> None:
    model(study)
    segmented(study, [1])
    base = study.review.annotations(1)[0]
    first = study.review.save(1, base.id, labels_of(study.cohort.image(1)))
    second = study.review.save(1, first.id, labels_of(study.cohort.image(1)))
    free = study.review.save(1, None, labels_of(study.cohort.image(1)))
    versions = study.review.annotations(1)
    assert machine_made({row.id: row for row in versions}, second) == base
    assert machine_made({row.id: row for row in versions}, free) is None


def measured(study: Workbench, annotation_id: int) -> None:
    with study._study.database.writing() as session:
        for number, region in enumerate(load_scheme().region_names):
            session.add(
                Measurement(
                    annotation_id=annotation_id,
                    region=region,
                    statistic="volume",
                    value=10.0 + number,
                    unit="cm³",
                    code_version="0",
                    job_id="m",
                )
            )


def test_that_a_report_says_what_a_correction_was_drawn_from_and_that_the_model_knew_the_subject(
    study: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(study)
    segmented(study, [2])
    base = study.review.annotations(2)[0]
    corrected = study.review.save(2, base.id, labels_of(study.cohort.image(2)))
    measured(study, corrected.id)
    told: list[ReportInput] = []

    def keep(report: ReportInput, out: Path) -> Path:
        told.append(report)
        return out

    monkeypatch.setattr(reporting, "child_report", keep)
    study.norms.report("S2", tmp_path / "S2.pdf")
    lines = dict(told[0].provenance)
    assert lines["Drawn from"].startswith("version 1 (model)")
    assert HASH[:16] in lines["Model"]
    assert lines["Model"].endswith("this subject was in its train set")


def test_that_statistics_name_the_subjects_whom_the_model_was_trained_on(study: Workbench, tmp_path: Path) -> None:
    model(study)
    segmented(study, [1, 2])
    for scan_id in (1, 2):
        measured(study, study.review.annotations(scan_id)[0].id)
    notes = study.norms.statistics(tmp_path / "tables", "model").notes
    assert any(
        note.startswith("1 subject has labels of a model that was trained on it, or corrections of such labels: S2.")
        for note in notes
    )
    assert "corrections of such labels: S2." in (tmp_path / "tables" / "notes.txt").read_text(encoding="utf-8")


def test_that_volumes_of_uncorrected_registrations_are_told_to_lean_on_the_template(
    study: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study._study.database.writing() as session:
        row = Annotation(
            scan_id=1,
            scheme="lobes10",
            version=1,
            parent_id=None,
            labels_key=study._study.store.put(labels_of(study.cohort.image(1))),
            author="a",
            origin=Origin.REGISTRATION,
            parameters={"preset": "quick"},
            code_version="0",
        )
        session.add(row)
        session.flush()
        number = row.id
    measured(study, number)
    told: list[ReportInput] = []
    monkeypatch.setattr(reporting, "child_report", lambda report, out: told.append(report))
    study.norms.report("S1", tmp_path / "S1.pdf")
    assert tables.LEANING in told[0].warnings
    assert tables.LEANING in study.norms.statistics(tmp_path / "tables").notes

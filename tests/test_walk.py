"""The whole walk from the command line, on phantoms whose truth is known: each step once, in the order of a study.

Heads and seeds are those of no other test. The bounds are those that a clinician was promised; see docs/registration.md
for what is measured on more phantoms.
"""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.label_maps import dice
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import read_nifti

COUNT, SEED = 4, 7301
REGIONS = load().region_names
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """One command; its exit code must be as told."""
    command = [sys.executable, "-m", "ctworkbench", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with phantoms and a study that was led through the whole walk."""
    place = tmp_path_factory.mktemp("the walk")  # with a space, as people have
    study = place / "study"
    run("phantom", "--out", place / "phantoms", "--n", COUNT, "--seed", SEED)
    run("new", study)
    run("import", study, place / "phantoms", "--cohort", place / "phantoms" / "cohort.csv")
    run("preprocess", study)
    _kill_in_the_middle("label", study)
    run("verify", study)
    run("label", study)
    run("review", study, "--accept-all")
    run("export", study, "--out", place / "registered")
    run("train", study, "--network", "resunet", "--preset", "demo")
    run("segment", study)
    run("measure", study)
    run("stats", study, "--out", place / "tables", "--source", "model")
    run("report", study, "--subject", "P001", "--out", place / "P001.pdf")
    run("export", study, "--out", place / "exported")
    return place


def _kill_in_the_middle(step: str, study: Path) -> None:
    """Start a step and end it, its jobs with it, as the power failing would."""
    command = [sys.executable, "-m", "ctworkbench", step, study]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(6)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for path in (study / "jobs").glob("*/process.json"):
        pid = json.loads(path.read_text())["pid"]
        if not (path.parent / "result.json").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def status(place: Path) -> dict[str, object]:
    return json.loads(run("status", place / "study", "--json").stdout)


def cohort(place: Path) -> dict[str, dict[str, str]]:
    with (place / "phantoms" / "cohort.csv").open() as stream:
        return {row["subject"]: row for row in csv.DictReader(stream)}


def agreement(place: Path, folder: str) -> np.ndarray:
    """Dice of every subject's exported labels with the truth: (subjects, regions)."""
    rows: list[list[float]] = []
    for code in cohort(place):
        truth = read_nifti(place / "phantoms" / f"{code}_truth.nii.gz")
        labels = read_nifti(place / folder / f"{code}_labels.nii.gz")
        assert labels.grid.matches(truth.grid)
        rows.append(list(dice(labels.voxels, truth.voxels, load().codes).values()))
    return np.array(rows)


def test_that_every_step_is_done_and_the_study_is_whole(place: Path) -> None:
    found = status(place)
    counted = {name: found[name] for name in ("subjects", "scans", "preprocessed", "labelled", "accepted", "segmented")}
    assert counted == dict.fromkeys(counted, COUNT)
    assert found["models"] == 1
    assert found["refused"] == 0
    assert "whole" in run("verify", place / "study").stdout


def test_that_a_step_that_is_done_is_not_done_again(place: Path) -> None:
    for step in ("preprocess", "segment", "measure"):
        assert "All" in run(step, place / "study").stderr
    assert "--again makes a further version" in run("label", place / "study").stderr
    before = status(place)
    run("import", place / "study", place / "phantoms", "--cohort", place / "phantoms" / "cohort.csv")
    assert "already trained" in run("train", place / "study").stderr
    after = status(place)
    assert {**before, "jobs": 0} == {**after, "jobs": 0}


def test_that_quick_pseudo_labels_agree_with_the_truth(place: Path) -> None:
    found = agreement(place, "registered")
    assert found.mean() >= 0.83, found.mean(axis=0)
    assert found.min() >= 0.70, found


def test_that_left_is_left_in_what_is_exported(place: Path) -> None:
    for code in cohort(place):
        for folder in ("registered", "exported"):
            labels = read_nifti(place / folder / f"{code}_labels.nii.gz")
            for right, left in load().pairs:
                sides: list[float] = []
                for region in (right, left):
                    index = np.argwhere(labels.voxels == region.code).mean(axis=0)
                    sides.append(float((labels.affine[:3, :3] @ index + labels.affine[:3, 3])[0]))
                assert sides[0] > sides[1] + 20, (code, right.name, sides)


def test_that_images_are_exported_on_the_scans_own_grid_in_hu(place: Path) -> None:
    for code in cohort(place):
        image = read_nifti(place / "exported" / f"{code}_image.nii.gz")
        truth = read_nifti(place / "phantoms" / f"{code}_truth.nii.gz")
        assert image.grid.matches(truth.grid)
        assert 20 < np.median(image.voxels[truth.voxels > 0]) < 45


def test_that_a_few_label_maps_teach_the_network_more_than_chance(place: Path) -> None:
    database = run("status", place / "study", "--json")
    assert database.returncode == 0
    volumes = [row for row in _volumes(place) if row["source"] == "model"]
    assert len(volumes) == COUNT * len(REGIONS)
    by_chance = 1 / (len(REGIONS) + 1)
    assert _model_dice(place) > 3 * by_chance


def _volumes(place: Path) -> list[dict[str, str]]:
    with (place / "exported" / "volumes.csv").open() as stream:
        return list(csv.DictReader(stream))


def _model_dice(place: Path) -> float:
    """Agreement of the network with the accepted label maps, all subjects."""
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench import Origin, Workbench

    with Workbench.open(place / "study", Settings()) as workbench:
        newest = [workbench.review.annotations(row.id)[0] for row in workbench.cohort.scans()]
    assert {row.origin for row in newest} == {Origin.MODEL}
    return float(np.mean([row.scores["dice_accepted"] for row in newest]))


def test_that_volumes_are_those_of_the_exported_label_maps(place: Path) -> None:
    rows = [row for row in _volumes(place) if row["source"] == "registration"]
    assert list(rows[0]) == ["subject", "scan", "region", "volume_cm3", "source", "version"]
    for row in rows:
        labels = read_nifti(place / "registered" / f"{row['subject']}_labels.nii.gz")
        voxels = np.count_nonzero(labels.voxels == load().region(row["region"]).code)
        expected = voxels * abs(np.linalg.det(labels.affine[:3, :3])) / 1000
        assert float(row["volume_cm3"]) == pytest.approx(expected, rel=1e-3)


def test_that_volumes_of_truth_labels_equal_the_truth(place: Path) -> None:
    for code, row in cohort(place).items():
        truth = read_nifti(place / "phantoms" / f"{code}_truth.nii.gz")
        for region in load().regions:
            voxels = np.count_nonzero(truth.voxels == region.code)
            measured = voxels * abs(np.linalg.det(truth.affine[:3, :3])) / 1000
            assert measured == pytest.approx(float(row[f"true_{region.name}_cm3"]), rel=1e-3)


def test_that_results_can_be_read_by_machines(place: Path) -> None:
    measured = json.loads(run("measure", place / "study", "--json").stdout)
    assert {row["region"] for row in measured} == set(REGIONS)
    tables = json.loads(run("stats", place / "study", "--out", place / "again", "--json").stdout)
    assert tables["n_scans"] == COUNT
    assert (place / "again" / "table2_volumes_by_sex.csv").exists()


def test_that_the_report_is_a_page_of_pdf(place: Path) -> None:
    assert (place / "P001.pdf").read_bytes().startswith(b"%PDF")


def test_that_a_verdict_on_one_subject_is_kept(place: Path) -> None:
    run("review", place / "study", "--subject", "P002", "--verdict", "needs-edits", "--comment", "left temporal pole")
    rows = json.loads(run("review", place / "study", "--json").stdout)
    assert {row["subject"]: row["verdict"] for row in rows}["P002"] != "accept"


def test_that_bad_usage_and_failures_have_their_exit_codes(place: Path) -> None:
    with_usage = subprocess.run([sys.executable, "-m", "ctworkbench", "label"], capture_output=True, check=False)
    assert with_usage.returncode == 2
    run("review", place / "study", "--subject", "P001", code=2)
    run("report", place / "study", "--subject", "NOBODY", "--out", place / "x.pdf", code=1)
    run("new", place / "study", code=1)
    empty = place / "empty"
    empty.mkdir()
    assert "refused" in run("import", place / "study", empty, code=1).stderr

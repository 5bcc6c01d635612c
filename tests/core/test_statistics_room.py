"""`stats` of a study: tables and figures by one command, and what could not be made is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ctworkbench.cli.main import main
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, ModelRun, Origin, Scan, Subject
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from tests.core.test_analysis_figures import u_net
from tests.ui.seeded_study import seed

HASH = "5e" * 32
CHILDREN = 20
TEST_SCANS = {4: 0.91, 9: 0.80, 14: 0.62, 19: 0.85}  # accepted, in the test set; Dice of the model there


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A seeded study with a model: its weights, and its label maps of the test set."""
    workbench = seed(tmp_path_factory.mktemp("stats") / "study", CHILDREN)
    study = workbench._study
    tensors = {name: np.zeros(shape, np.float32) for name, shape in u_net((2, 4)).items()}
    save_file(tensors, study.folder / "models" / f"{HASH}.safetensors")
    with study.database.writing() as session:
        run = ModelRun(
            job_id="t2", network="resunet", preset="paper", parameters={}, result={}, split={"P001": "train"},
            label_kind="pseudo-labels", code_version="0", weights_hash=HASH,
        )  # fmt: skip
        session.add(run)
        session.flush()
        for scan_id, dice in TEST_SCANS.items():
            scan = session.get_one(Scan, scan_id)
            shape = study.store.get(scan.image_key).voxels.shape
            labels = np.zeros(shape, np.uint8)
            labels[4:-4, 4:-4, 4:-4] = 1 + scan_id % 10
            key = study.store.put(Volume(labels, study.store.get(scan.image_key).affine))
            session.add(
                Annotation(
                    scan_id=scan_id, scheme="lobes10", version=2, parent_id=None, labels_key=key, author="model 2",
                    origin=Origin.MODEL, model_id=run.id, scores={"dice_accepted": dice}, code_version="0", job_id="s",
                )
            )  # fmt: skip
    yield workbench
    workbench.close()


@pytest.fixture(scope="module")
def written(trained: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    every = ("csv", "docx", "latex", "svg", "pdf")
    assert main(["stats", str(trained.folder), "--out", str(out), "--format", *every]) == 0
    return out


def test_that_one_command_writes_tables_1_to_5_and_figures_1_to_3(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    tables = ("table1_sets", "table1_tests", "table2_volumes_by_sex", "table3_sex_effect", "table4_age_effect")
    for table in (*tables, "table5_hemispheres", "correlation_with_age"):
        assert {f"{table}.csv", f"{table}.tex"} <= names
    for figure in ("figure1_architecture", "figure2_test_subject", "figure3_volumes_by_age"):
        assert {f"{figure}.svg", f"{figure}.pdf"} <= names
    assert {"tables.docx", "tables.tex", "notes.txt", "statistics.json"} <= names
    assert not [name for name in names if name.endswith(".part")]


def test_that_the_figures_show_the_model_in_use_and_a_test_subject_of_median_agreement(written: Path) -> None:
    said = json.loads((written / "statistics.json").read_text(encoding="utf-8"))
    network, subject, _ = said["figures"]
    assert "model 2 (resunet, preset paper)" in network and HASH[:12] in network
    assert "P009" in subject and "mean Dice 0.800" in subject and "4 subjects of the test set" in subject
    assert "registration, version 1, accepted" in subject and "how well the model imitates it" in subject
    assert said["not_made"] == []
    assert subject in (written / "notes.txt").read_text(encoding="utf-8")


def test_that_sets_sites_and_scanners_of_the_study_are_compared(trained: Workbench) -> None:
    result = trained.norms.tables()
    assert {row.grouping for row in result.groups} == {"set", "set, pooled", "site", "scanner"}
    assert {row.group for row in result.groups if row.grouping == "site"} == {"North", "South"}
    with trained._study.database.reading() as session:
        roles = dict(session.query(Subject.code, Subject.role).all())
    sets = {row.group: row.n for row in result.groups if row.grouping == "set"}
    assert sum(sets.values()) == len(roles) - 2  # two scans have no label map


def test_that_json_is_the_tables_and_nothing_else_stands_on_stdout(
    trained: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", str(trained.folder), "--out", str(tmp_path), "--format", "csv", "--json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["n_scans"] == CHILDREN - 1 and result["coefficients"] and "note:" in told.err


def test_that_figures_named_and_not_made_fail_the_command_and_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(tmp_path / "study", 8).close()
    assert main(["stats", str(tmp_path / "study"), "--out", str(tmp_path / "a"), "--format", "svg"]) == 1
    told = capsys.readouterr().err
    assert "not made: Figure 1 (architecture of model 1 (resunet, preset demo))" in told
    assert "not made: Figure 2 (a test subject's label maps): no subject of the test set has both" in told
    assert (tmp_path / "a" / "figure3_volumes_by_age.svg").exists()
    assert not (tmp_path / "a" / "table2_volumes_by_sex.csv").exists()
    assert main(["stats", str(tmp_path / "study"), "--out", str(tmp_path / "b"), "--source", "registration"]) == 0


def test_that_a_study_without_a_model_has_its_flow_drawn_and_says_so(tmp_path: Path) -> None:
    with seed(tmp_path / "study", 6) as workbench:
        with workbench._study.database.writing() as session:
            session.connection().exec_driver_sql("DELETE FROM model_run")
        result = workbench.norms.statistics(tmp_path / "out", formats=("svg",))
    assert (tmp_path / "out" / "figure1_study_flow.svg").exists()
    assert not (tmp_path / "out" / "figure1_architecture.svg").exists()
    assert "the study has no trained model; its flow is drawn instead" in result.not_made[0]
    assert any("stands in for the network's architecture" in caption for caption in result.figures)


def test_that_a_study_without_volumes_is_refused(tmp_path: Path) -> None:
    with seed(tmp_path / "study", 4, measured=False) as workbench, pytest.raises(WorkbenchError, match="measured"):
        workbench.norms.tables()


def test_that_bad_usage_of_stats_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stats", str(tmp_path), "--out", str(tmp_path), "--format", "xlsx"])
    assert ended.value.code == 2

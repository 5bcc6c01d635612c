"""Training: the form, the live curves, the table of models."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QDialog, QTextBrowser
from pytestqt.qtbot import QtBot

from ctworkbench.core.jobs import Event, Job, JobState
from ctworkbench.core.training import BEST_EXAMPLE, NEWEST_EXAMPLE, TrainCase
from ctworkbench.core.volume import Grid
from ctworkbench.core.workbench import Workbench
from ctworkbench.train.data import NetworkImage, Prepared
from ctworkbench.train.examples import keep_example
from ctworkbench.ui.bridge import Bridge, JobView
from ctworkbench.ui.example_slices import outlines, read_example
from ctworkbench.ui.train import TrainPage, basis_text, curves, label_kind
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = seed(tmp_path_factory.mktemp("train") / "study", measured=False)
    yield opened
    opened.close()


@pytest.fixture
def page(workbench: Workbench, qtbot: QtBot) -> Iterator[TrainPage]:
    QSettings().remove("training/processes")
    bridge = Bridge(workbench)
    made = TrainPage(workbench, bridge)
    made.resize(1200, 640)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.refresh()
    qtbot.waitUntil(lambda: made.models.table.rowCount() == 1)
    yield made
    bridge.close()


def training(kind: str = "pseudo", state: JobState = JobState.RUNNING) -> JobView:
    params = {"cases": [{"subject": "P001", "label_kind": kind}]}
    return JobView(Job(kind="train", title="Train", function="ctworkbench.x:y", params=params), state, fraction=0.5)


def epoch(number: int, loss: float, dice: float) -> Event:
    values = {"epoch": number, "loss": loss, "dice_train": dice, "dice_validation": dice - 0.25}
    return Event(kind="metric", values={**values, "dice_validation_brainstem": dice - 0.125})


def feed(page: TrainPage, view: JobView, *events: Event) -> None:
    page._bridge.jobs[view.job.id] = view
    page._bridge.jobs_changed.emit()
    for event in events:
        view.take(event)
        page._bridge.job_event.emit(view.job.id, event)


def points(page: TrainPage, name: str) -> list[tuple[float, float]]:
    x, y = page._items[name].getData()
    return list(zip(map(float, x), map(float, y), strict=True))


def test_that_curves_grow_while_the_training_runs(page: TrainPage) -> None:
    feed(page, training(), epoch(1, 0.9, 0.5), epoch(2, 0.6, 0.75))
    assert points(page, "loss") == [(1.0, 0.9), (2.0, 0.6)]
    assert points(page, "dice_validation") == [(1.0, 0.25), (2.0, 0.5)]
    items = dict(page._items)
    feed(page, page._job, epoch(3, 0.5, 0.6))
    assert points(page, "loss")[-1] == (3.0, 0.5)
    assert all(page._items[name] is item for name, item in items.items())


def test_that_a_regions_curve_shows_once_it_is_ticked(page: TrainPage) -> None:
    feed(page, training(), epoch(1, 0.9, 0.5))
    assert "dice_validation_brainstem" not in page._items
    page.toggles["brainstem"].setChecked(True)
    assert points(page, "dice_validation_brainstem") == [(1.0, 0.375)]
    page.toggles["brainstem"].setChecked(False)
    assert not page._items["dice_validation_brainstem"].isVisible()


def test_that_an_epoch_told_twice_counts_as_told_last() -> None:
    told = [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.8}, {"epoch": 2, "loss": 0.7}]
    assert curves(told) == {"loss": ([1, 2], [0.9, 0.7])}


def test_that_dice_is_named_for_the_labels_it_is_an_agreement_with(page: TrainPage) -> None:
    assert label_kind(training("pseudo")) == "pseudo-labels"
    assert label_kind(training("expert")) == "expert labels"
    feed(page, training("pseudo"), epoch(1, 0.9, 0.5))
    assert page.dice_plot.plotItem.titleLabel.text == "Dice: agreement with pseudo-labels"
    assert page.models.table.item(0, 7).text() == "pseudo-labels"


def test_that_the_form_says_what_would_be_learned_from(page: TrainPage, workbench: Workbench) -> None:
    scans = workbench.cohort.scans()
    accepted = sum(scan.verdict is not None and scan.verdict.value == "accept" for scan in scans)
    assert page.basis.text().startswith(f"{accepted} accepted label maps")
    assert "The test subjects are never learned from" in page.basis.text()
    assert page.start.isEnabled()
    assert "unread" not in page.basis.text()
    workbench.review.accept_all()
    assert "3 of them unread" in basis_text(workbench.cohort.scans())[0]
    text, ready = basis_text([scan for scan in scans if scan.verdict is None])
    assert "No label map is accepted yet" in text
    assert not ready


def test_that_a_training_that_was_done_is_told_with_its_model(
    page: TrainPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench.modelling, "train", lambda *_, **__: [])
    monkeypatch.setattr(workbench.modelling, "trained", lambda *_: workbench.modelling.models())
    with qtbot.waitSignal(page._bridge.noticed) as told:
        page.start.click()
    assert told.args is not None
    assert "already trained on exactly these label maps: model 1." in told.args[0].message
    assert "accept further label maps" in told.args[0].remedy


def test_that_start_asks_for_what_was_chosen_and_queues_behind_one_that_runs(
    page: TrainPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.modelling, "train", lambda *given, **more: asked.append((given, more)) or ["job"])
    assert page.preset.currentText() == "demo"
    page.start.click()
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [(("resunet", "demo"), {"processes": 1})]
    feed(page, training())
    assert page.start.isEnabled()
    assert "Waits in the queue" in page.start.toolTip()
    assert page.stop.isEnabled()


def test_that_as_many_processes_train_as_a_batch_has_brains_and_the_number_is_remembered(
    page: TrainPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.modelling, "train", lambda *given, **more: asked.append(more) or ["job"])
    page.processes.selectAll()
    qtbot.keyClicks(page.processes, "2")
    assert page.processes.maximum() == 2
    page.start.click()
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [{"processes": 2}]
    page.preset.setCurrentText("paper")
    assert (page.processes.maximum(), page.processes.value()) == (4, 2)


def test_that_a_training_is_paused_and_goes_on(page: TrainPage, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(page._bridge, "cancel", lambda *ids: told.append(("pause", *ids)))
    monkeypatch.setattr(page._bridge, "retry", lambda job_id: told.append(("go on", job_id)))
    view = training()
    feed(page, view, epoch(1, 0.9, 0.5))
    assert page.stop.text() == "Pause"
    page.stop.click()
    view.state = JobState.CANCELLED
    page._bridge.jobs_changed.emit()
    assert page.stop.text() == "Go on"
    page.stop.click()
    assert told == [("pause", view.job.id), ("go on", view.job.id)]


def test_that_every_preset_is_described(page: TrainPage) -> None:
    for row in range(page.preset.count()):
        page.preset.setCurrentIndex(row)
        assert "epochs" in page.description.text()


def test_that_the_selected_model_segments(
    page: TrainPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.modelling, "segment", lambda *given: asked.append(given) or [])
    assert not page.models.segment.isEnabled()
    page.models.table.selectRow(0)
    page.models.segment.click()
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [(1,)]


def test_that_the_description_needs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from ctworkbench.core import plugins; "
        "[plugins.load(plugins.PRESETS, n) for n in plugins.names(plugins.PRESETS)]; print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_that_a_models_card_is_read_and_written(page: TrainPage, qtbot: QtBot, tmp_path: Path) -> None:
    panel = page.models
    assert not panel.show_card.isEnabled()
    panel.table.selectRow(0)
    panel.show_card.click()
    qtbot.waitUntil(lambda: panel.findChild(QTextBrowser, "model_card_text") is not None, timeout=20_000)
    text = panel.findChild(QTextBrowser, "model_card_text")
    assert panel.models[0].weights_hash in text.toPlainText()
    assert "Research use only" in text.toPlainText()
    panel.findChild(QDialog, "model_card_dialog").close()
    panel.write(1, tmp_path / "card.pdf")
    qtbot.waitUntil(lambda: (tmp_path / "card.pdf").exists(), timeout=60_000)  # draws with what is loaded then


def test_that_a_card_loads_nothing_that_a_file_names(page: TrainPage, qtbot: QtBot, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert page.grab().save(str(picture))
    odd = f"![x]({picture.as_uri()}) <img src='{picture.as_uri()}'> [go](file:///etc/passwd)"
    panel = page.models
    facts = page.models._workbench.modelling.facts(1)
    panel._open_card(facts.model_copy(update={"title": odd, "cautions": (odd,)}))
    text = panel.findChild(QTextBrowser, "model_card_text")
    assert text is not None
    assert odd in text.toPlainText()
    assert "<img" not in text.document().toHtml()
    assert not text.openLinks()
    text.document().setHtml(f"<img src='{picture.as_uri()}'>")
    shown = text.document().resource(QTextDocument.ResourceType.ImageResource, QUrl(picture.as_uri()))
    assert (shown.width(), shown.height()) == (1, 1)
    panel.findChild(QDialog, "model_card_dialog").close()
    panel.show_models([replace(panel.models[0], source=odd)])
    tip = panel.table.item(0, 0).toolTip()
    assert tip.startswith("<p>")
    assert "<img" not in tip


def test_that_a_file_which_is_no_model_is_refused_by_name(page: TrainPage, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "notes.ctwmodel").write_text("no model")
    with qtbot.waitSignal(page._bridge.noticed) as told:
        page.models.take_from(tmp_path / "notes.ctwmodel")
    assert told.args is not None
    assert told.args[0].message.startswith("notes.ctwmodel is damaged, or not a model")


def write_example(folder: Path, name: str, epoch_number: int, dice: float) -> None:
    """Slices of a case whose region lies in the patient's left, as a training leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    target = np.zeros((20, 16, 12), np.uint8)
    target[2:8, 3:13, 2:10] = 1
    view = NetworkImage(
        target.astype(np.float32), Grid((20, 16, 12), np.diag([4.0, 4.0, 4.0, 1.0])), (80.0, 64.0, 48.0)
    )
    case = TrainCase(subject="P004", image=Path("i"), brain=Path("b"), labels=Path("l"), role="validation")
    keep_example(folder, Prepared(case, view, target), np.roll(target, 1, 0), epoch_number, dice, best=False)
    if name != NEWEST_EXAMPLE:
        (folder / NEWEST_EXAMPLE).rename(folder / name)


def test_that_slices_of_a_validation_case_follow_the_training(
    page: TrainPage, workbench: Workbench, qtbot: QtBot
) -> None:
    shown, view = page.examples, training()
    assert shown.example is None and shown.told.text() == ""
    folder = workbench.jobs.folder / view.job.id
    write_example(folder, BEST_EXAMPLE, 1, 0.7)
    write_example(folder, NEWEST_EXAMPLE, 1, 0.7)
    feed(page, view, epoch(1, 0.9, 0.5))
    qtbot.waitUntil(lambda: shown.example is not None)
    assert "P004, epoch 1" in shown.told.text()
    write_example(folder, NEWEST_EXAMPLE, 2, 0.6)
    feed(page, view, epoch(2, 0.8, 0.4))
    qtbot.waitUntil(lambda: shown.example is not None and shown.example.epoch == 2)
    shown.buttons["Best"].click()
    qtbot.waitUntil(lambda: shown.example is not None and shown.example.epoch == 1)
    assert "Dice 0.700" in shown.told.text()
    cut = shown.example.slices["axial"]
    assert np.argwhere(cut.truth == 1)[:, 1].mean() > cut.truth.shape[1] / 2  # the patient's left is on the right
    shown.enlarge()
    dialog = shown.findChild(QDialog, "example_dialog")
    assert dialog is not None
    dialog.close()
    feed(page, training())  # another training, which has told nothing yet
    qtbot.waitUntil(lambda: shown.example is None)


def test_that_outlines_run_between_pixels_of_different_classes() -> None:
    classes = np.zeros((4, 5), np.uint8)
    classes[1:3, 2:4] = 3
    edges = {tuple(int(n) for n in edge) for edge in outlines(classes)}
    assert edges == {
        *((x, y, x + 1, y) for x in (2, 3) for y in (1, 3)),
        *((x, y, x, y + 1) for x in (2, 4) for y in (1, 2)),
    }


def test_that_a_damaged_file_of_slices_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / NEWEST_EXAMPLE).write_bytes(b"PK no archive")
    assert read_example(tmp_path / NEWEST_EXAMPLE) is None
    assert read_example(tmp_path / "gone.npz") is None


def test_that_several_models_and_all_folds_segment_by_the_mean_of_their_answers(
    page: TrainPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.modelling, "segment", lambda *given: asked.append(given) or [])
    panel = page.models
    first = panel.models[0]
    folds = [replace(first, id=number, folds=(2, 3, 4), preset="paper") for number in (4, 3, 2)]
    panel.show_models([replace(first, id=5, members=(2, 3, 4)), *folds, first])
    assert [panel.table.item(0, column).text() for column in (1, 2)] == ["mean of 3", "demo"]
    panel.table.selectRow(4)
    assert not panel.folds.isEnabled()
    panel.table.selectRow(2)
    assert panel.folds.isEnabled() and "models 2, 3, 4" in panel.folds.toolTip()
    panel.folds.click()
    qtbot.waitUntil(lambda: len(asked) == 1)
    panel._select({2, 4})
    assert panel.segment.text() == "Segment with 2 models"
    assert not panel.export.isEnabled() and not panel.folds.isEnabled()
    panel.segment.click()
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert asked == [([2, 3, 4],), ([2, 4],)]
    page.refresh()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 1 or len(panel.models) != 5)


def test_that_the_starter_model_is_there_after_a_click(page: TrainPage, qtbot: QtBot) -> None:
    rows = page.models.table.rowCount()
    page._bridge.start()
    page.models.starter.click()
    qtbot.waitUntil(lambda: page.models.table.rowCount() == rows + 1, timeout=120_000)
    assert page.models.models[0].preset == "starter"
    assert page.models.table.item(0, 7).text() == "drawn heads"
    assert page.models.table.item(0, 4).text() == "0.825 phantom"
    assert "Dice against truth of phantoms" in page.models.table.item(0, 4).toolTip()

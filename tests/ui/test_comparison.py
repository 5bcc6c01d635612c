"""The page of comparisons: decided with mouse and keys, read, cancelled, tested last, exported."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.comparison_dialog import ComparisonDialog
from ctworkbench.ui.train_place import TrainPlace
from tests.ui.compared_study import NAME, compared
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with compared(tmp_path_factory.mktemp("compared") / "study") as opened:
        yield opened


def shown(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[TrainPlace]:
    """The place Train at the size of a small screen, turned to the comparison."""
    bridge = Bridge(workbench)
    place = TrainPlace(workbench, bridge, memory)
    place.resize(1230, 640)
    qtbot.addWidget(place)
    with qtbot.waitExposed(place):
        place.show()
    place.show_page("comparison")
    yield place
    bridge.close()


@pytest.fixture
def place(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[TrainPlace]:
    for made in shown(workbench, memory, qtbot):
        qtbot.waitUntil(lambda made=made: made.comparison.view.tests.sheet is not None, timeout=20_000)
        yield made


def dialog(qtbot: QtBot, memory: QSettings, taken: tuple[str, ...] = ()) -> ComparisonDialog:
    form = ComparisonDialog(["resunet", "segresnet", "unet3d"], ["demo", "paper"], taken, memory)
    qtbot.addWidget(form)
    with qtbot.waitExposed(form):
        form.show()
    return form


def start_button(form: ComparisonDialog):
    return next(button for button in form.buttons.buttons() if button.text() == "Start")


def test_that_a_comparison_is_shown_with_boxes_tables_and_what_must_be_known(place: TrainPlace) -> None:
    page = place.comparison
    assert page.chooser.currentText() == NAME
    assert "6 of 6 trainings done · 3 configurations × 2 repeats" in page.told.text()
    boxes = [(box.configuration, box.part) for box in page.view.plot.shown]
    assert boxes == [(number, part) for number in range(3) for part in ("train", "validation")]
    assert "hollow: training, filled: validation" in page.view.legend.text()
    assert len(page.view.figures.sheet.rows) == 33
    assert len(page.view.tests.sheet.rows) == 2 * 33
    assert "The unit is the subject" in page.view.notes.toPlainText()
    assert "few" in page.view.warning.toolTip()
    assert " minus " in page.view.verdict.text() and page.view.verdict.text().endswith("; 2 further pairs")
    assert len(page.view.verdict.toolTip().splitlines()) == 3
    assert page.export.isEnabled() and page.test.isEnabled()
    assert not page.go_on.isEnabled() and not page.cancel.isEnabled()


def test_that_measure_region_and_kind_of_labels_are_chosen(place: TrainPlace, qtbot: QtBot, memory: QSettings) -> None:
    view = place.comparison.view
    view.measure.setCurrentText("HD95 (mm)")
    qtbot.waitUntil(lambda: view.figures.sheet.name == "figures_hd95")
    assert memory.value("comparison_measure") == "hd95"
    before = view.plot.shown[1].values
    view.kind.setCurrentText("expert labels")
    assert view.plot.shown[0].part == "validation"  # no training case has an expert's labels
    assert view.plot.shown[0].values != before
    said = view.verdict.text()
    view.region.setCurrentText("Brainstem")
    assert view.region.currentData() == "brainstem"
    assert view.verdict.text() not in ("", said)
    view.by.setCurrentText("Paired t-test")
    qtbot.waitUntil(lambda: "Paired t-test" in view.tests.sheet.caption)
    assert view.kind.currentText() == "expert labels"


def test_that_tables_and_pictures_are_written_from_the_window(place: TrainPlace, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(place.comparison._bridge.noticed, timeout=60_000) as told:
        place.comparison.write(tmp_path)
    assert told.args is not None
    assert "files written to" in told.args[0].message
    assert (tmp_path / NAME / "cases.csv").exists()
    assert (tmp_path / NAME / "volume_error_expert.png").exists()


def test_that_the_final_test_asks_and_says_what_it_means(
    place: TrainPlace, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(workbench.comparisons, "final_test", lambda name: asked.append(name) or [])
    place.comparison.test.click()
    qtbot.waitUntil(lambda: place.comparison.findChild(QMessageBox) is not None)
    box = place.comparison.findChild(QMessageBox)
    assert box.text() == "Open the locked test set (3 subjects) for 6 models?"
    assert "It was never opened before" in box.informativeText()
    assert box.defaultButton().text() == "Cancel"
    next(button for button in box.buttons() if button.text() == "Open the test set").click()
    qtbot.waitUntil(lambda: asked == [NAME])


def test_that_an_unfinished_comparison_goes_on_from_the_window(
    tmp_path: Path, memory: QSettings, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with compared(tmp_path / "study", repeats=1, unfinished=1) as workbench:
        asked: list[str] = []
        monkeypatch.setattr(workbench.comparisons, "go_on", lambda name: asked.append(name) or [])
        for place in shown(workbench, memory, qtbot):
            page = place.comparison
            qtbot.waitUntil(lambda page=page: page.view.tests.sheet is not None, timeout=20_000)
            assert page.told.text().startswith("2 of 3 trainings done, 1 stopped")
            assert "2 of 3 trainings are done" in page.view.warning.toolTip()
            assert not page.test.isEnabled()
            assert page.test.toolTip() == "Once all its trainings are done"
            page.go_on.click()
            qtbot.waitUntil(lambda: asked == [NAME])
            qtbot.waitUntil(lambda page=page: page._bridge.idle)


def test_that_a_study_without_a_comparison_says_what_one_is(tmp_path: Path, memory: QSettings, qtbot: QtBot) -> None:
    with seed(tmp_path / "study", measured=False) as workbench:
        for place in shown(workbench, memory, qtbot):
            page = place.comparison
            qtbot.waitUntil(lambda page=page: page._bridge.idle)
            assert page.view.empty.text().startswith("No comparison yet.")
            assert not page.view.choices.isVisible()
            assert not any(button.isEnabled() for button in (page.go_on, page.cancel, page.test, page.export))


def test_that_the_form_is_filled_in_with_the_keys_and_remembered(memory: QSettings, qtbot: QtBot) -> None:
    form = dialog(qtbot, memory, ("Comparison 1",))
    assert form.name.text() == "Comparison 2"
    assert form.texts == ["resunet:demo", "unet3d:demo"]
    assert "2 trainings: 2 configurations × 1 repeat × 1 fold" in form.told.text()
    qtbot.keyClicks(form.changes, "epochs=20; kernel=[1, 3, 3]; loss=cross-entropy")
    qtbot.keyClick(form.changes, Qt.Key.Key_Return)
    assert form.isVisible()  # Enter adds, it does not start
    assert form.list.item(2).text() == "resunet (demo, epochs 20, kernel (1, 3, 3), loss cross-entropy)"
    form.repeats.setValue(2)
    form.folds.setValue(3)
    assert "18 trainings" in form.told.text()
    start_button(form).click()
    wanted = form.chosen
    assert (wanted.name, wanted.repeats, wanted.folds, len(wanted.configurations)) == ("Comparison 2", 2, 3, 3)
    again = dialog(qtbot, memory)
    assert again.texts == form.texts
    assert (again.repeats.value(), again.folds.value()) == (2, 3)


def test_that_the_form_says_what_is_wrong_and_cannot_be_accepted(memory: QSettings, qtbot: QtBot) -> None:
    form = dialog(qtbot, memory, ("taken",))
    qtbot.keyClicks(form.changes, "depth=3")
    form.add.click()
    assert "has no setting depth" in form.told.text()
    assert len(form.texts) == 2
    form.changes.clear()
    form.add.click()
    assert "resunet (demo) is on the list" in form.told.text()
    form.name.setText("taken")
    assert "The study has a comparison taken already" in form.told.text()
    assert not start_button(form).isEnabled()
    form.name.setText("free")
    assert start_button(form).isEnabled()
    form.list.setCurrentRow(0)
    qtbot.keyClick(form.list, Qt.Key.Key_Delete)
    assert "two configurations or more" in form.told.text()


def test_that_what_the_form_asks_for_is_started(
    place: TrainPlace, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(workbench.comparisons, "start", lambda *given: asked.append(given) or [])
    place.comparison.new.click()
    form = place.comparison.findChild(ComparisonDialog)
    form.name.setText("second")
    start_button(form).click()
    qtbot.waitUntil(lambda: bool(asked))
    name, configurations, repeats, folds = asked[0]
    assert (name, [own.text for own in configurations], repeats, folds) == (
        "second",
        ["resunet:demo", "unet3d:demo"],
        1,
        1,
    )


def test_that_the_tab_is_remembered_and_turned_with_the_keys(place: TrainPlace, memory: QSettings) -> None:
    assert memory.value("train_tab") == "comparison"
    place.tabs.setCurrentIndex(0)
    assert place.page == "training"
    assert place.training.isVisible()

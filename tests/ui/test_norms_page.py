"""The page Norms: what a norm stands for is read, a norm is fitted, used, compared, taken in and written out."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.norm_fit_dialog import FitDialog
from ctworkbench.ui.norms_page import NormsPage
from tests.core.norm_study import study_of


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A study with one fitted norm."""
    opened = study_of(tmp_path_factory.mktemp("norms") / "study", simulate(published_norm(), 110, 3), unaccepted=1)
    assert opened.wait(opened.norms.fit_norm("own", method="linear", repeats=20, population="healthy children")) == []
    yield opened
    opened.close()


@pytest.fixture
def bridge(workbench: Workbench) -> Iterator[Bridge]:
    made = Bridge(workbench)
    made.start()
    yield made
    made.close()


@pytest.fixture
def page(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> NormsPage:
    made = NormsPage(workbench, bridge, OpenScan(), memory)
    made.resize(1246, 658)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.refresh()
    settled(made, bridge, qtbot)
    return made


def settled(page: NormsPage, bridge: Bridge, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bridge.idle and page.norms.count() > 0, timeout=10_000)


def test_that_the_norms_of_the_study_are_listed_with_the_one_in_use(page: NormsPage) -> None:
    texts = [page.norms.item(row).text() for row in range(page.norms.count())]
    assert texts[0].startswith("xi2025  ●  in use") and "published, 1,487 children" in texts[0]
    assert texts[1].startswith("own\n") and "fitted here, 109 children" in texts[1]
    assert page.chosen == "xi2025" and not page.use_button.isEnabled()


def test_that_the_card_says_what_a_norm_stands_for_and_where_it_ends(
    page: NormsPage, bridge: Bridge, qtbot: QtBot
) -> None:
    assert "826 boys" in page.card.toPlainText()
    page.choose("own")
    settled(page, bridge, qtbot)
    text = page.card.toPlainText()
    for part in ("healthy children", "expert 109; all read and accepted", "No centile for another scanner", "Models"):
        assert part in text


def test_that_curves_and_calibration_are_drawn_of_a_fitted_norm_and_said_to_lack_of_the_published_one(
    page: NormsPage, bridge: Bridge, qtbot: QtBot
) -> None:
    pictures = page.pictures
    assert pictures.shown is not None and pictures.shown.name == "xi2025"
    assert "no data to calibrate" in pictures.calibration.told.text()
    page.choose("own")
    pictures.region.setCurrentIndex(pictures.region.findData("brainstem"))
    settled(page, bridge, qtbot)
    assert pictures.shown.region == "brainstem" and set(pictures.shown.intervals["F"]) == {5, 25, 50, 75, 95}
    assert pictures.calibration.told.text().startswith("109 children, each judged by models fitted to the others")


def test_that_a_norm_lies_beside_another_in_curves_and_numbers(page: NormsPage, bridge: Bridge, qtbot: QtBot) -> None:
    page.choose("own")
    assert page.pictures.comparison.shown is None
    page.pictures.beside.setCurrentIndex(page.pictures.beside.findData("xi2025"))
    settled(page, bridge, qtbot)
    assert page.pictures.shown.other == "xi2025" and page.pictures.comparison.table.rowCount() == 2 * 3 * 5
    assert "Farthest apart of all regions in the middle (50th)" in page.pictures.comparison.told.text()


def test_that_a_norm_is_used_and_the_head_says_so(
    page: NormsPage, workbench: Workbench, bridge: Bridge, qtbot: QtBot
) -> None:
    page.choose("own")
    settled(page, bridge, qtbot)
    QTest.mouseClick(page.use_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.summary.text().startswith("In use: own"), timeout=10_000)
    assert workbench.norms.norm().name == "own"
    workbench.norms.choose_norm("xi2025")
    qtbot.waitUntil(lambda: page.summary.text().startswith("In use: xi2025"), timeout=10_000)


def test_that_the_form_says_who_would_be_taken_and_starts_a_fit_only_where_it_can(
    page: NormsPage, workbench: Workbench, bridge: Bridge, qtbot: QtBot
) -> None:
    page.ask_fit()
    dialog = page.findChild(FitDialog)
    qtbot.waitUntil(lambda: "needs 120 of each sex" in dialog.told.text(), timeout=10_000)
    dialog.name.setText("own")
    assert not dialog.fit_button.isEnabled()
    dialog.method.setCurrentIndex(dialog.method.findData("linear"))
    qtbot.waitUntil(lambda: "Left out: the label map was not accepted: 1." in dialog.told.text(), timeout=10_000)
    qtbot.waitUntil(lambda: "needs" not in dialog.told.text(), timeout=10_000)
    assert not dialog.fit_button.isEnabled() and "there already" in dialog.fit_button.toolTip()
    dialog.name.clear()
    QTest.keyClicks(dialog.name, "from the form!")
    assert dialog.name.text() == "fromtheform"
    dialog.unreviewed.setChecked(True)
    qtbot.waitUntil(
        lambda: dialog.fit_button.isEnabled() and "Accepted by nobody" in dialog.told.text(), timeout=10_000
    )
    QTest.mouseClick(dialog.fit_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.fits.isVisible(), timeout=20_000)
    assert "fromtheform" in page.fit_text.text()
    qtbot.waitUntil(lambda: "fromtheform" in page.rows, timeout=60_000)
    assert page.rows["fromtheform"].n_male + page.rows["fromtheform"].n_female == 110
    qtbot.waitUntil(lambda: not page.fits.isVisible(), timeout=10_000)


def test_that_a_fit_is_cancelled_from_the_page(
    page: NormsPage, workbench: Workbench, bridge: Bridge, qtbot: QtBot
) -> None:
    bridge.start_jobs(lambda: workbench.norms.fit_norm("never", method="linear", repeats=5000), "Fit a norm")
    qtbot.waitUntil(lambda: page.fits.isVisible(), timeout=20_000)
    QTest.mouseClick(page.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page.fits.isVisible(), timeout=30_000)
    assert "never" not in page.rows


def test_that_a_norm_its_card_its_curves_and_a_picture_are_written_and_a_norm_is_taken_in(
    page: NormsPage, workbench: Workbench, bridge: Bridge, qtbot: QtBot, tmp_path: Path
) -> None:
    page.choose("own")
    settled(page, bridge, qtbot)
    for name in ("own.norm.json", "own.md", "own.csv", "own.png"):
        page.export(tmp_path / name)
        qtbot.waitUntil(lambda name=name: (tmp_path / name).exists(), timeout=10_000)
    settled(page, bridge, qtbot)
    with (tmp_path / "own.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 5 * 21 and float(rows[0]["low_cm3"]) < float(rows[0]["volume_cm3"])
    notices: list[object] = []
    bridge.noticed.connect(notices.append)
    page.take(tmp_path / "own.norm.json")
    qtbot.waitUntil(lambda: len(notices) > 0, timeout=10_000)
    assert "has this norm already" in str(notices[0])


def test_that_the_published_norm_is_not_offered_as_a_file(page: NormsPage) -> None:
    assert not page.export_actions["json"].isEnabled() and page.export_actions["pdf"].isEnabled()


def test_that_the_form_is_left_with_escape(page: NormsPage, qtbot: QtBot) -> None:
    page.ask_fit()
    dialog = page.findChild(FitDialog)
    assert isinstance(dialog, FitDialog)
    assert dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel) is not None
    QTest.keyClick(dialog.name, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.findChildren(FitDialog) or not dialog.isVisible(), timeout=5000)


def test_that_enter_in_a_field_never_throws_the_form_away(page: NormsPage, qtbot: QtBot) -> None:
    page.ask_fit()
    dialog = page.findChild(FitDialog)
    assert isinstance(dialog, FitDialog) and not dialog.fit_button.isEnabled()
    dialog.title.setText("typed")
    cancel = dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel)
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    cancel.setFocus()
    qtbot.waitUntil(cancel.hasFocus)
    dialog.name.setFocus()
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)
    qtbot.wait(50)
    assert dialog.isVisible() and dialog.title.text() == "typed"
    dialog.reject()


def test_that_without_a_calibration_or_another_norm_a_sentence_stands_alone(
    page: NormsPage, bridge: Bridge, qtbot: QtBot
) -> None:
    pictures = page.pictures
    pictures.tabs.setCurrentIndex(1)
    assert not any(plot.isVisible() for plot in pictures.calibration.plots), "empty axes say nothing"
    pictures.tabs.setCurrentIndex(2)
    assert not pictures.comparison.table.isVisible()
    page.choose("own")
    pictures.beside.setCurrentIndex(pictures.beside.findData("xi2025"))
    settled(page, bridge, qtbot)
    assert pictures.comparison.table.isVisible()
    assert any(pictures.comparison.table.item(row, 5).text().startswith("−") for row in range(30))
    pictures.tabs.setCurrentIndex(1)
    assert all(plot.isVisible() for plot in pictures.calibration.plots)


def test_that_the_form_keeps_its_room_however_much_is_told(page: NormsPage, qtbot: QtBot) -> None:
    page.ask_fit()
    dialog = page.findChild(FitDialog)
    qtbot.waitUntil(lambda: "needs 120 of each sex" in dialog.told.text(), timeout=10_000)
    assert dialog.told.text().index("needs 120") < dialog.told.text().index("<b>"), "what stands in the way comes first"
    height = dialog.explained.height()
    dialog.told.setText("A long story.<br>" * 60)
    qtbot.wait(50)
    assert dialog.explained.height() == height >= 2 * dialog.explained.fontMetrics().lineSpacing()
    dialog.reject()


def test_that_the_form_takes_phantoms_when_asked_alone_and_says_what_they_make_of_the_norm(
    tmp_path: Path, memory: QSettings, qtbot: QtBot
) -> None:
    unreal = study_of(tmp_path / "study", simulate(published_norm(), 110, 3), phantoms=110)
    bridge = Bridge(unreal)
    dialog = FitDialog(unreal, bridge, memory, (), ())
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.method.setCurrentIndex(dialog.method.findData("linear"))
    QTest.keyClicks(dialog.name, "rehearsal")
    assert not dialog.phantoms.isChecked() and "no children" in dialog.phantoms.toolTip()
    qtbot.waitUntil(lambda: "only digital phantoms" in dialog.told.text(), timeout=10_000)
    assert "digital phantom, no child: 110" in dialog.told.text() and not dialog.fit_button.isEnabled()
    QTest.mouseClick(dialog.phantoms, Qt.MouseButton.LeftButton, pos=dialog.phantoms.rect().center() * 0.2)
    qtbot.waitUntil(dialog.fit_button.isEnabled, timeout=10_000)
    assert "made of digital phantoms, for rehearsal only" in dialog.told.text()
    assert dialog.request.selection.phantoms
    bridge.close()
    unreal.close()


def test_that_the_number_at_the_topmost_tick_of_a_worm_plot_has_room(
    page: NormsPage, bridge: Bridge, qtbot: QtBot
) -> None:
    page.choose("own")
    page.pictures.tabs.setCurrentIndex(1)
    settled(page, bridge, qtbot)
    for plot in page.pictures.calibration.plots:
        above = plot.getPlotItem().vb.geometry().top()
        assert above >= plot.fontMetrics().height() / 2

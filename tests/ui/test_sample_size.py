"""The form of sample sizes: asks aside, takes the norm's spread, refuses clearly, remembers, writes what it shows."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ctworkbench.core.analysis import power
from ctworkbench.core.norms import published_norm
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_theme import GROUND, LIGHT
from ctworkbench.ui.sample_size import SampleSizeDialog
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = seed(tmp_path_factory.mktemp("sample_size") / "study", children=2)
    yield opened
    opened.close()


@pytest.fixture
def dialog(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[SampleSizeDialog]:
    bridge = Bridge(workbench)
    made = SampleSizeDialog(workbench, bridge, memory)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bridge.idle and made._answer is not None, timeout=20_000)
    yield made
    bridge.close()


def choose(dialog: SampleSizeDialog, design: str, region: str = "") -> None:
    dialog.design.setCurrentIndex(dialog.design.findData(design))
    dialog.region.setCurrentIndex(dialog.region.findData(region))


def settled(dialog: SampleSizeDialog, qtbot: QtBot) -> str:
    qtbot.waitUntil(lambda: dialog._bridge.idle)
    return dialog.answer.text()


def test_that_the_answer_is_that_of_the_command(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    choose(dialog, "two groups", "right_frontal")
    want = power.two_groups(5 / round(published_norm().sd("right_frontal"), 2), 0.8)
    assert settled(dialog, qtbot) == want.sentence
    line = dialog._line.getData()[0]
    assert line is not None and want.n in list(line)
    assert line[0] < want.n < line[-1]


def test_that_each_design_has_a_spread_of_its_own_and_keeps_what_was_typed(
    dialog: SampleSizeDialog, qtbot: QtBot
) -> None:
    dialog.sd.setValue(12.0)
    choose(dialog, "paired")
    assert dialog.sd.value() == 3.7, "both sides of one head differ by less than heads do"
    choose(dialog, "slope")
    assert dialog.sd.value() == 12.0
    settled(dialog, qtbot)


def test_that_nothing_can_be_taken_out_without_an_answer(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    settled(dialog, qtbot)
    assert all(button.isEnabled() for button in dialog._outs)
    dialog.effect.setValue(0.0)
    settled(dialog, qtbot)
    assert not any(button.isEnabled() for button in dialog._outs)


def test_that_a_value_is_typed_and_asked_for_at_once(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    before = settled(dialog, qtbot)
    dialog.effect.selectAll()
    QTest.keyClicks(dialog.effect, "8")
    QTest.keyClick(dialog.effect, Qt.Key.Key_Return)
    assert settled(dialog, qtbot) != before
    assert dialog.isVisible(), "Enter in a field does not close the form"


def test_that_pairs_take_the_spread_of_right_minus_left(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    choose(dialog, "paired", "frontal")
    assert dialog.sd.value() == pytest.approx(published_norm().asymmetry_sd("frontal", "M"), abs=0.005)
    assert dialog.region.findData("brainstem") == -1
    assert settled(dialog, qtbot).startswith("108 children find a mean difference")


@pytest.mark.parametrize(
    ("design", "shown", "hidden"),
    [
        ("two groups", {"effect", "ratio", "power", "alpha"}, {"n", "centile", "age_sd"}),
        ("slope", {"effect", "age_sd", "covariates"}, {"ratio", "half_width"}),
        ("centile", {"centile", "half_width", "off_age"}, {"effect", "power", "alpha", "tests"}),
    ],
)
def test_that_a_design_shows_what_it_asks_for(
    dialog: SampleSizeDialog, design: str, shown: set[str], hidden: set[str]
) -> None:
    choose(dialog, design)
    visible = {name for name, (_, widget) in dialog._rows.items() if dialog._form.isRowVisible(widget)}
    assert shown <= visible
    assert not hidden & visible


def test_that_power_is_found_for_a_number_of_children(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    dialog.sought.setCurrentIndex(1)
    dialog.n.setValue(400)
    assert settled(dialog, qtbot).startswith("200 and 200 children")


def test_that_what_cannot_be_answered_says_why_and_shows_no_curve(dialog: SampleSizeDialog, qtbot: QtBot) -> None:
    dialog.effect.setValue(0.0)
    assert "cannot be found by any number" in settled(dialog, qtbot)
    line = dialog._line.getData()[0]
    assert line is None or len(line) == 0


def test_that_the_answer_is_copied_and_the_curve_is_written(
    dialog: SampleSizeDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    choose(dialog, "centile", "cerebellum")
    text = settled(dialog, qtbot)
    dialog.copy()
    assert QGuiApplication.clipboard().text() == text
    dialog.save(tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 20
    widths = [float(row["half_width"]) for row in rows]
    assert widths == sorted(widths, reverse=True)


def test_that_the_question_is_remembered(
    dialog: SampleSizeDialog, workbench: Workbench, memory: QSettings, qtbot: QtBot
) -> None:
    choose(dialog, "slope", "left_parietal")
    dialog.tests.setValue(10)
    settled(dialog, qtbot)
    dialog.close()
    again = SampleSizeDialog(workbench, dialog._bridge, memory)
    qtbot.addWidget(again)
    assert (again.design.currentData(), again.region.currentData(), again.tests.value()) == (
        "slope",
        "left_parietal",
        10,
    )
    qtbot.waitUntil(lambda: dialog._bridge.idle)
    assert again.answer.text() == dialog.answer.text()


def test_that_the_curve_stands_on_the_ground_that_was_chosen_for_the_charts(
    workbench: Workbench, memory: QSettings, qtbot: QtBot
) -> None:
    memory.setValue(GROUND, "light")
    bridge = Bridge(workbench)
    made = SampleSizeDialog(workbench, bridge, memory)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bridge.idle and made._answer is not None, timeout=20_000)
    assert made.plot.backgroundBrush().color().name() == LIGHT.ground
    assert made._line.opts["pen"].color().name() == LIGHT.series[0]
    bridge.close()

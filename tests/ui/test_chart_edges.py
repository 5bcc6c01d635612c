"""What has no place on a chart's scale is pointed at, and never drawn as if it lay there."""

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from ctworkbench.core.model import Sex
from ctworkbench.core.workbench.rows import Band, ChartData, Dot
from ctworkbench.ui.chart_axis import Axis
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_edges import BarsItem, BeyondItem
from ctworkbench.ui.chart_plot import DotPlot
from ctworkbench.ui.chart_tip import tip

_AGES = [1.5, 2.5]


def band(sex: Sex = Sex.MALE) -> Band:
    """A norm from 160 to 240 cm³."""
    return Band(sex, _AGES, *([value, value + 10.0] for value in (160.0, 180.0, 200.0, 210.0, 230.0)))


def dot(scan: int, age: float | None, value: float) -> Dot:
    """A scan of a boy; 10 SDs make a z of it where there is an age."""
    return Dot(scan, f"P{scan:03d}", Sex.MALE, age, value, None if age is None else (value - 200) / 20, "expert")


def chart(*dots: Dot, signed: bool = False) -> ChartData:
    """A chart of these dots."""
    return ChartData("Right frontal lobe", "cm³", list(dots), [band()], "note", {}, "right_frontal", signed=signed)


@pytest.fixture
def plot(qtbot: QtBot) -> DotPlot:
    made = DotPlot(tip)
    qtbot.addWidget(made)
    made.resize(420, 400)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_that_a_scan_beside_the_norm_with_a_volume_beyond_the_scale_has_an_arrow_and_its_value(plot: DotPlot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0), dot(2, 12.0, 423.0), dot(3, None, 75.0), dot(4, 45.0, 215.0)))
    assert plot.outside_marks.beyond.texts == ("423", "75")
    assert plot.beyond_ids == {2, 3}
    heights = dict(zip(plot.beside_ids, plot.outside.ys.tolist(), strict=True))
    assert heights[2] > 240 > heights[4] == 215
    assert heights[3] < 160, "beyond the scale, not on its last line"
    assert not plot.marks.beyond.isVisible()


def test_that_a_region_that_was_not_found_neither_stretches_the_scale_nor_lies_on_it(plot: DotPlot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0), dot(2, 2.1, 0.0)))
    bottom, _top = plot.boxes[0].viewRange()[1]
    assert bottom > 140
    assert plot.marks.beyond.texts == ("not found",)
    assert plot.screen_position(2) is not None


def test_that_a_volume_in_cubic_millimetres_below_0_or_without_end_leaves_the_scale_to_the_others(
    plot: DotPlot,
) -> None:
    dots = [dot(1, 2.0, 205.0), dot(2, 2.1, 198000.0), dot(3, 2.2, -4.0), dot(4, 2.3, float("nan"))]
    plot.show_chart(chart(*dots, dot(5, None, float("inf"))))
    bottom, top = plot.boxes[0].viewRange()[1]
    assert 140 < bottom < top < 260
    assert plot.marks.beyond.texts == ("198,000", "−4", "no volume")
    assert plot.outside_marks.beyond.texts == ("no volume",)
    assert np.isfinite(plot.scatter.ys).all()
    plot.grab()


def test_that_no_value_is_written_over_a_dot_or_over_another_value() -> None:
    item, view, scale = BeyondItem(), QRectF(0, 0, 300, 100), (1.0, 0.0, 1.0, 0.0)
    apart, near = np.array([20.0, 150.0]), np.array([20.0, 32.0])
    item.show_beyond(apart, np.array([10.0, 10.0]), np.ones(2), ("423", "75"), 6.0)
    assert [text for _, text in item.written(view, scale)] == ["423", "75"]
    item.show_beyond(near, np.array([10.0, 10.0]), np.ones(2), ("423,000", "75"), 6.0)
    assert [text for _, text in item.written(view, scale)] == ["75"], "the first would hide the second dot"
    many = np.linspace(5, 295, 160)
    item.show_beyond(many, np.full(160, 10.0), np.ones(160), ("198,000",) * 160, 6.0)
    assert item.written(view, scale) == []


def test_that_the_title_of_an_axis_stands_in_its_middle_from_the_first(plot: DotPlot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0)))
    axis = plot.plot.getAxis("bottom")
    middle = axis.label.pos().x() + axis.label.boundingRect().width() / 2
    assert middle == pytest.approx(axis.size().width() / 2, abs=2)


def test_that_no_difference_of_the_sides_is_a_value_like_any_other(plot: DotPlot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0), dot(2, 2.1, 0.0), signed=True))
    assert plot.beyond_ids == frozenset()
    bottom, _top = plot.boxes[0].viewRange()[1]
    assert bottom < 0


def test_that_a_dot_beyond_the_scale_has_no_bar_at_a_place_where_it_does_not_lie(plot: DotPlot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0), dot(2, 12.0, 423.0)), open_id=2, reaches={2: 8.0})
    assert not plot.outside_marks.error.isVisible()
    plot.show_chart(chart(dot(1, 2.0, 205.0), dot(2, 12.0, 220.0)), open_id=2, reaches={2: 8.0})
    assert plot.outside_marks.error.isVisible()


def test_that_a_bar_that_leaves_the_view_ends_in_an_arrow() -> None:
    bars = BarsItem()
    bars.set_pen(QColor("white"), 1)
    bars.set_segments(np.array([[50.0, 20.0, 50.0, 80.0], [60.0, -30.0, 60.0, 40.0], [70.0, -9.0, 70.0, 130.0]]))
    view, upwards = QRectF(0, 0, 100, 100), (1.0, 0.0, -1.0, 100.0)
    found = [(place.x(), sign) for place, sign in bars.cut(view, upwards)]
    assert found == [(60.0, -1.0), (70.0, 1.0), (70.0, -1.0)]
    bars.set_segments(np.array([[50.0, 120.0, 50.0, 180.0], [150.0, -30.0, 150.0, 40.0]]))
    assert bars.cut(view, upwards) == [], "a bar that is not in view has no end in it"


def test_that_the_names_of_the_lines_stand_beside_the_ages_and_lie_on_no_dot(plot: DotPlot, qtbot: QtBot) -> None:
    plot.show_chart(chart(dot(1, 2.5, 239.0)), look=Look(filled="M"))
    names = plot.bands["M"].names
    qtbot.waitUntil(lambda: all(name.isVisible() for name in names.values()))
    box = plot.boxes[0].sceneBoundingRect()
    edge = plot.boxes[0].mapViewToScene(plot.boxes[0].viewRect().topLeft()).x()
    last = edge + (2.5 - plot.boxes[0].viewRange()[0][0]) / plot.boxes[0].viewPixelSize()[0]
    for name in names.values():
        place = name.sceneBoundingRect()
        assert place.left() >= last - 1
        assert place.right() <= box.right() + 1
    plot.resize(900, 400)
    qtbot.waitUntil(lambda: plot.boxes[0].width() > 600)
    assert (plot.boxes[0].viewRange()[0][1] - 2.5) / plot.boxes[0].viewPixelSize()[0] == pytest.approx(42, abs=3)


def test_that_a_view_that_was_zoomed_stays_when_the_window_grows(plot: DotPlot, qtbot: QtBot) -> None:
    plot.show_chart(chart(dot(1, 2.0, 205.0)))
    plot.plot.setXRange(1.9, 2.1, padding=0)
    plot.resize(700, 400)
    qtbot.waitUntil(lambda: plot.boxes[0].width() > 450)
    assert plot.boxes[0].viewRange()[0] == pytest.approx([1.9, 2.1])
    plot.reset_view()
    assert plot.boxes[0].viewRange()[0][0] < 1.5


def test_that_negative_numbers_of_an_axis_have_a_minus_sign() -> None:
    assert Axis("left", 30).tickStrings([-5.0, 0.0, 5.0], 1, 5) == ["−5", "0", "5"]

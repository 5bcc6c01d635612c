"""Frames per second of a chart that is panned and zoomed, and milliseconds of one that changes its region.

The same is measured in the same run with what lies at hand: pyqtgraph's own ScatterPlotItem with a brush for each dot,
and matplotlib. Both draw the dots alone, without bands, strip or marks.

python -m tests.bench.bench_charts [DOTS_TO_PAN] [DOTS_TO_UPDATE]
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication, QWidget

from ctworkbench.core.model import Sex
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.workbench.charting import band_of
from ctworkbench.core.workbench.rows import ChartData, Dot
from ctworkbench.ui.app import application
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_groups import Grouping
from ctworkbench.ui.chart_plot import DotPlot
from ctworkbench.ui.chart_theme import DARK

WIDTH, HEIGHT = 900, 640
FRAMES = 60
_REGIONS = ("right_frontal", "left_frontal", "cerebellum")


@dataclass
class Times:
    """Seconds of each of several acts, by the clock and of the processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def take(self) -> Generator[None]:
        """Time one act."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self.cpu.append(time.thread_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


def main(app: QApplication, panned: int, updated: int) -> None:
    """Print one line for each."""
    chart, plain = _chart(panned), _plain(panned)
    ours = _seconds(app, chart, lambda n: _move(chart.plot, n))
    theirs = _seconds(app, plain, lambda n: _move(plain.getPlotItem(), n))
    ticks = _matplotlib_pan(panned)
    print(f"pan and zoom, {panned:,} dots, {WIDTH} x {HEIGHT} pixels:")
    for name, times in (("this chart", ours), ("pyqtgraph ScatterPlotItem", theirs), ("matplotlib (Agg)", ticks)):
        _tell(name, times, ours, rate=True)
    for window in (chart, plain):
        window.hide()

    print(f"another region of {updated:,} scans, read and drawn:")
    charts = [_data(updated, region) for region in _REGIONS]
    kept, chart = (chart, plain), _chart(updated)
    grouping = Grouping("sex", charts[0].dots)
    look = Look(filled="F")
    ours = _seconds(app, chart, lambda n: chart.show_chart(charts[n % 3], grouping, look, open_id=7))
    plain = _plain(updated)
    item = next(item for item in plain.getPlotItem().items if isinstance(item, pg.ScatterPlotItem))
    theirs = _seconds(app, plain, lambda n: _fill(item, charts[n % 3]))
    for name, times in (("this chart", ours), ("pyqtgraph ScatterPlotItem", theirs)):
        _tell(name, times, ours, rate=False)
    del kept


def _tell(name: str, times: "Times", ours: "Times", rate: bool) -> None:
    """One line: as many frames, or as long, in wall time, and the processor's time, which others do not disturb."""
    wall, slow, cpu = np.median(times.wall), np.percentile(times.wall, 95), np.median(times.cpu)
    if rate:
        shown = f"{1 / wall:6.1f} frames/s (95 % above {1 / slow:5.1f})"
    else:
        shown = f"{1e3 * wall:6.1f} ms (95 % within {1e3 * slow:5.1f})"
    print(f"  {name:26s} {shown}, {1e3 * cpu:7.1f} ms of CPU, {cpu / np.median(ours.cpu):5.1f} x ours")


def _data(count: int, region: str) -> ChartData:
    norm = published_norm()
    children = simulate(norm, count, seed=0)
    dots = [
        Dot(n, child.subject, Sex(child.sex), child.age_years, child.volumes_cm3[region], 0.0, "model", 50.0)
        for n, child in enumerate(children)
    ]
    return ChartData(region, "cm³", dots, [band_of(norm, region, sex) for sex in Sex], "", name=region)


def _chart(count: int) -> DotPlot:
    data = _data(count, _REGIONS[0])
    chart = DotPlot(lambda _, dot: dot.subject)
    chart.resize(WIDTH, HEIGHT)
    chart.show()
    chart.show_chart(data, look=Look(filled="F"), open_id=7)
    return chart


def _plain(count: int) -> pg.PlotWidget:
    plain = pg.PlotWidget()
    plain.resize(WIDTH, HEIGHT)
    item = pg.ScatterPlotItem(size=6, pen=pg.mkPen(DARK.ground))
    _fill(item, _data(count, _REGIONS[0]))
    plain.addItem(item)
    plain.getPlotItem().disableAutoRange()
    plain.show()
    return plain


def _fill(item: pg.ScatterPlotItem, data: ChartData) -> None:
    item.setData(
        x=[dot.age_years for dot in data.dots],
        y=[dot.value for dot in data.dots],
        symbol=["s" if dot.sex == "M" else "o" for dot in data.dots],
        brush=[pg.mkBrush(DARK.series[0 if dot.sex == "M" else 1]) for dot in data.dots],
    )


def _move(plot: pg.PlotItem, number: int) -> None:
    """Pan for ten frames, zoom in for ten, pan back, zoom out; never so far that few dots are left."""
    box = plot.getViewBox()
    turn, sign = number // 10 % 4, 1 if number % 20 < 10 else -1
    if turn % 2 == 0:
        box.translateBy(x=0.004 * (1 if turn == 0 else -1))
    else:
        box.scaleBy((0.99, 0.99) if turn == 1 else (1 / 0.99, 1 / 0.99))
    box.translateBy(y=0.2 * sign)


def _seconds(app: QApplication, window: QWidget, act: Callable[[int], object]) -> Times:
    """Time from each act to the end of the painting that it brings about."""
    for number in range(4):
        act(number)
        app.processEvents()
    times = Times()
    for number in range(FRAMES):
        with times.take():
            act(number)
            app.processEvents()
    return times


def _matplotlib_pan(count: int) -> Times:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    data = _data(count, _REGIONS[0])
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colors = [DARK.series[0 if dot.sex == "M" else 1] for dot in data.dots]
    axes.scatter([dot.age_years or 0.0 for dot in data.dots], [dot.value for dot in data.dots], s=20, c=colors)
    canvas.draw()
    times = Times()
    for number in range(4):
        axes.set_xlim(1.5 + 0.004 * number, 2.5 + 0.004 * number)
        with times.take():
            canvas.draw()
    return times


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    program = application()  # it must outlive the charts
    main(program, given[0] if given else 100_000, given[1] if given[1:] else 1_487)
    sys.stdout.flush()
    os._exit(0)  # else what is left of the charts outlives the program that it lives in, and falls

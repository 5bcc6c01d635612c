"""Charts of a study as files, without a window."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QGridLayout, QWidget

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import need_folder
from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import phantoms
from ctworkbench.core.workbench.volumes import nothing_measured
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_export import Figure, write_numbers, write_picture
from ctworkbench.ui.chart_groups import SEX_TITLES, Grouping, sex_key
from ctworkbench.ui.chart_legend import entries_of
from ctworkbench.ui.chart_plot import DotPlot, captioned
from ctworkbench.ui.chart_reach import reaches_of
from ctworkbench.ui.chart_reader import pair_of
from ctworkbench.ui.chart_theme import THEMES
from ctworkbench.ui.chart_tip import left_out, tip
from ctworkbench.ui.chart_tools import ALL

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ChartData, Dot

PICTURES = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn, as in the window.

    Attributes:
        regions: names of regions; "all" for the ten of them side by side.
        kinds: "png", "svg", "pdf", "csv".
        subject: code of the child that is ringed; "" for none.
        size: width and height of the charts in pixels.
    """

    regions: Sequence[str] = (ALL,)
    kinds: Sequence[str] = ("pdf",)
    source: str = "current"
    color_by: str = "sex"
    bands: str = "sd"
    theme: str = "light"
    subject: str = ""
    size: tuple[int, int] = (1200, 700)


def write_charts(workbench: "Workbench", out: Path, wanted: Wanted) -> list[Path]:
    """Write charts into a folder as REGION.KIND; what was written.

    Raises:
        WorkbenchError: no such region, source or subject, or nothing was measured.
        OSError: a file cannot be written.
    """
    names = {region: _charts_of(region) for region in wanted.regions}
    need_folder(out)
    read = workbench.norms.charts(list(dict.fromkeys(name for of in names.values() for name in of)), wanted.source)
    first = next(iter(read.values()))
    if not first.dots:
        raise nothing_measured(wanted.source)
    marked = _latest(first.dots, wanted.subject)
    written: list[Path] = []
    for region, of in names.items():
        charts = [read[name] for name in of]
        figure = _figure(workbench, region, charts, marked, wanted) if set(wanted.kinds) & set(PICTURES) else None
        for kind in wanted.kinds:
            path = out / f"{'all_regions' if region == ALL else region}.{kind}"
            if figure is None or kind == "csv":
                write_numbers(path, charts, SEX_TITLES)
            else:
                write_picture(path, figure)
            written.append(path)
    return written


def _charts_of(region: str) -> tuple[str, ...]:
    """The charts that stand side by side: all regions, or one with right minus left of its pair."""
    return load(DEFAULT).region_names if region == ALL else (region, pair_of(region))


def _latest(dots: "Sequence[Dot]", subject: str) -> "Dot | None":
    """The dot of the latest scan of a subject."""
    if not subject:
        return None
    own = [dot for dot in dots if dot.subject == subject]
    if not own:
        raise WorkbenchError(f"There is no measured scan of {subject}.", "See `ctworkbench status`.")
    return max(own, key=lambda dot: (-1.0 if dot.age_years is None else dot.age_years, dot.scan_id))


def _figure(
    workbench: "Workbench", region: str, charts: "Sequence[ChartData]", marked: "Dot | None", wanted: Wanted
) -> Figure:
    """Charts laid out as in the window, in a widget that is never seen."""
    _application()
    first = charts[0]
    look = Look(THEMES[wanted.theme], bands=wanted.bands, filled="" if marked is None else sex_key(marked.sex))
    grouping = Grouping(wanted.color_by, first.dots)
    reaches = {} if marked is None else reaches_of(workbench.norms.child(marked.scan_id, wanted.source))
    body = QWidget()
    grid = QGridLayout(body)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(6)
    many = region == ALL
    plots: list[DotPlot] = []
    for number in range(len(charts)):
        plot = DotPlot(tip, compact=many, strip_width=92 if number == 0 else 68)
        grid.addWidget(captioned(plot), number % 2 if many else 0, number // 2 if many else number)
        if not many:
            grid.setColumnStretch(number, 4 - number)
        plots.append(plot)
    body.resize(*wanted.size)
    body.grab()  # a widget that was never shown has no layout before
    open_id = None if marked is None else marked.scan_id
    for plot, data in zip(plots, charts, strict=True):
        plot.show_chart(data, grouping, look, open_id, reaches=reaches.get(data.name, {}))
    body.grab()  # and names find their places when they are drawn
    bars = any(reaches.get(data.name) for data in charts)
    entries = entries_of(grouping, look, first.dots, "" if marked is None else f"{marked.subject}, latest scan", bars)
    title = "All ten regions: cm³ by age in years" if many else first.title
    outside = [f"{dot.subject}: {first.outside[dot.scan_id]}" for dot in first.dots if dot.scan_id in first.outside]
    more = f"; and {len(outside) - 3:,} more" if len(outside) > 3 else ""
    notes = [f"Not in the norm, so no centile – {'; '.join(outside[:3])}{more}"] if outside else []
    told = phantoms(sum(dot.phantom for dot in first.dots), len(first.dots))
    notes = [text for text in (told, left_out(plots[0]) if many else "", *notes, first.note) if text]
    return Figure(title, workbench.name, body, plots, entries, notes, look.theme)


def _application() -> QApplication:
    """Qt's application, on no screen where there is none."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from ctworkbench.ui.app import application

    return application()

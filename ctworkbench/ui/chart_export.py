"""Charts as files: a picture, a drawing, a page, or the numbers behind them."""

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QPoint, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontInfo,
    QFontMetricsF,
    QImage,
    QImageWriter,
    QPageSize,
    QPaintDevice,
    QPainter,
    QPdfWriter,
)
from PySide6.QtWidgets import QWidget

from ctworkbench.core.files import guarded, replace_bytes, replace_text
from ctworkbench.ui.chart_legend import ICON_WIDTH, Entry
from ctworkbench.ui.chart_plot import DotPlot
from ctworkbench.ui.chart_theme import Theme

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ChartData

CSV_COLUMNS = (
    "chart", "subject", "phantom", "sex", "age_years", "value", "unit", "z", "centile", "no_centile_because", "norm",
    "labels", "version", "verdict", "site", "scanner", "split", "part_in_training_of_model", "scan",
)  # fmt: skip
_PURPOSE = "Research use only – not for diagnosis"
_MARGIN = 12.0
_LINE = 17.0
_PIXELS_PER_INCH = 96
_PICTURE_SCALE = 2


@dataclass(frozen=True)
class Figure:
    """Charts as they stand on the screen, to be written.

    Attributes:
        body: the widget that the charts lie in; it gives their places.
        notes: paragraphs under the charts.
    """

    title: str
    study: str
    body: QWidget
    plots: Sequence[DotPlot]
    entries: Sequence[Entry]
    notes: Sequence[str]
    theme: Theme


def write_picture(path: Path, figure: Figure) -> None:
    """Write charts as .png (twice as fine as on the screen), or as .svg or .pdf with lines and letters kept as such.

    Raises:
        OSError: the file cannot be written.
    """
    page = _Page(figure)
    kind = path.suffix.lower()
    drawn = QBuffer()  # Qt would not say that a disk is full
    drawn.open(QIODevice.OpenModeFlag.WriteOnly)
    if kind == ".svg":
        _write_drawing(path, page, figure.title)
        return
    if kind == ".pdf":
        writer = QPdfWriter(drawn)
        points = page.size * (72 / _PIXELS_PER_INCH)
        writer.setPageSize(QPageSize(QSizeF(points), QPageSize.Unit.Point, "", QPageSize.SizeMatchPolicy.ExactMatch))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        writer.setResolution(_PIXELS_PER_INCH)  # lines of one pixel then are as thin as on the screen, not thinner
        writer.setTitle(figure.title)
        writer.setCreator("CT Workbench")
        _paint(page, writer)
    else:
        image = QImage((page.size * _PICTURE_SCALE).toSize(), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(_PICTURE_SCALE)
        _paint(page, image)
        if not QImageWriter(drawn, b"png").write(image):
            raise OSError(0, "the picture could not be made")
    replace_bytes(path, bytes(drawn.data().data()))


def _paint(page: "_Page", target: QPaintDevice) -> None:
    painter = QPainter(target)
    page.paint(painter)
    painter.end()


def _write_drawing(path: Path, page: "_Page", title: str) -> None:
    """Write a page as SVG: in pixels, and with a font that other programs know."""
    from PySide6.QtSvg import QSvgGenerator

    drawn = QBuffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(drawn)
    generator.setResolution(_PIXELS_PER_INCH)
    generator.setSize(page.size.toSize())
    generator.setViewBox(QRectF(QPointF(0, 0), page.size))
    generator.setTitle(title)
    generator.setDescription(_PURPOSE)
    _paint(page, generator)
    width, height = f"{page.size.width():g}", f"{page.size.height():g}"
    text = bytes(drawn.data().data()).decode("utf-8")
    text = re.sub(r'width="[^"]*" height="[^"]*"', f'width="{width}" height="{height}"', text, count=1)
    replace_text(path, re.sub(r'font-family="([^"]*)"', _known_font, text))


def _known_font(named: re.Match[str]) -> str:
    """The font that Qt takes for a name, with one that every program has."""
    return f'font-family="{QFontInfo(QFont(named[1])).family()}, sans-serif"'


class _Page:
    """Head, legend, charts and notes, each at its place."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._font = QFont()
        self._font.setPixelSize(12)
        self._metrics = QFontMetricsF(self._font)
        self._width = max(float(figure.body.width()), 560.0)
        self._signs = self._flow()
        rows = self._signs[-1][1] / _LINE + 1 if self._signs else 0
        self._head = 24 + rows * _LINE + 6
        self._notes = [self._height_of(text) for text in figure.notes]
        below = sum(height + 5 for height in self._notes)
        self.size = QSizeF(self._width + 2 * _MARGIN, self._head + figure.body.height() + below + 2 * _MARGIN)

    def _flow(self) -> list[tuple[float, float, Entry]]:
        """Place of each sign of the legend: across and down, in as many rows as it takes."""
        across, down, found = 0.0, 0.0, list[tuple[float, float, Entry]]()
        for entry in self._figure.entries:
            wide = ICON_WIDTH + 6 + self._metrics.horizontalAdvance(entry.text) + 18
            if across and across + wide > self._width:
                across, down = 0.0, down + _LINE
            found.append((across, down, entry))
            across += wide
        return found

    def _height_of(self, text: str) -> float:
        return self._metrics.boundingRect(QRectF(0, 0, self._width, 1000), Qt.TextFlag.TextWordWrap, text).height()

    def _place_of(self, plot: DotPlot) -> QRectF:
        """Where a chart lies on the page, its head left out."""
        corner = QPointF(plot.mapTo(self._figure.body, QPoint(0, 0))) + QPointF(_MARGIN, _MARGIN)
        return QRectF(corner, QSizeF(plot.size()))

    def paint(self, painter: QPainter) -> None:
        """Draw the whole page."""
        figure, theme = self._figure, self._figure.theme
        painter.setFont(self._font)
        painter.fillRect(QRectF(QPointF(0, 0), self.size), QColor(theme.page))
        painter.save()
        painter.translate(_MARGIN, _MARGIN)
        head = QRectF(0, 0, self._width, 18)
        bold = QFont(self._font)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(theme.ink))
        painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, f"{figure.study}: {figure.title}")
        painter.setPen(QColor(theme.caution))
        painter.drawText(head, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, _PURPOSE)
        painter.setFont(self._font)
        painter.setPen(QColor(theme.muted))
        for across, down, entry in self._signs:
            middle = 24 + down + _LINE / 2
            entry.paint(painter, QPointF(across + ICON_WIDTH / 2, middle), theme.page)
            left = across + ICON_WIDTH + 6
            text = QRectF(left, middle - _LINE / 2, self._width - left, _LINE)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, entry.text)
        painter.translate(0, self._head + figure.body.height() + 5.0)
        down = 0.0
        for text, height in zip(figure.notes, self._notes, strict=True):
            painter.drawText(QRectF(0, down, self._width, height), Qt.TextFlag.TextWordWrap, text)
            down += height + 5
        painter.restore()
        for plot in figure.plots:
            self._paint_caption(painter, plot)
            self._paint_plot(painter, plot)

    def _paint_caption(self, painter: QPainter, plot: DotPlot) -> None:
        theme, place = self._figure.theme, self._place_of(plot).translated(0, self._head)
        caption = QRectF(place.left(), place.top() - plot.caption.height(), place.width(), plot.caption.height())
        painter.fillRect(caption.united(place), QColor(theme.ground))
        bold = QFont(self._font)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(theme.ink))
        painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, plot.caption.text())

    def _paint_plot(self, painter: QPainter, plot: DotPlot) -> None:
        scene: Any = plot.scene()
        scene.prepareForPaint()
        seen = QRectF(plot.mapToScene(plot.rect()).boundingRect())
        scene.render(painter, self._place_of(plot).translated(0, self._head), seen)


def write_numbers(
    path: Path, charts: "Sequence[ChartData]", sexes: Collection[str], chosen: Collection[int] | None = None
) -> None:
    """Write the dots of charts as CSV, one row a dot.

    Args:
        path: the file.
        charts: what is shown.
        sexes: "M", "F" and "" (unknown) as they are shown.
        chosen: these scans alone.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV_COLUMNS)
        for data in charts:
            for dot in data.dots:
                if str(dot.sex or "") not in sexes or (chosen is not None and dot.scan_id not in chosen):
                    continue
                writer.writerow(
                    guarded((
                        data.title, dot.subject, "yes" if dot.phantom else "no", dot.sex or "",
                        _number(dot.age_years, 4), _number(dot.value, 3), data.unit, _number(dot.z, 3),
                        _number(dot.centile, 2), data.outside.get(dot.scan_id, ""), data.norm, dot.source, dot.version,
                        dot.verdict, dot.site, dot.scanner, dot.role, dot.learned, dot.scan_id,
                    ))
                )  # fmt: skip


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"

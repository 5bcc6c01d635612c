"""What the signs of a chart mean: beside the charts, and in what is exported of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from ctworkbench.ui.chart_bands import BAND_KINDS
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_dots import Style, draw_symbol
from ctworkbench.ui.chart_groups import Grouping
from ctworkbench.ui.chart_theme import Theme

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import Dot

ICON_WIDTH, ICON_HEIGHT = 22.0, 12.0
_SEXES = {"M": "boys", "F": "girls"}
_LINES = {"sd": "0, dashed ±2 SD", "centiles": "50th; dashed 5th, 95th"}


@dataclass(frozen=True)
class Entry:
    """One sign and what it means.

    Attributes:
        dot: a dot; or
        line: style of a line; or
        band: opacity of the outer and the inner filling; or
        bar: an upright bar.
    """

    text: str
    color: str
    dot: Style | None = None
    line: Qt.PenStyle | None = None
    band: tuple[int, int] | None = None
    bar: bool = False

    def paint(self, painter: QPainter, center: QPointF, outline: str) -> None:
        """Draw the sign alone, 22 by 12 pixels around a centre."""
        painter.save()
        painter.translate(center)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = QColor(self.color)
        half = ICON_WIDTH / 2
        if self.dot is not None:
            draw_symbol(painter, self.dot, 10, outline)
        elif self.band is not None:
            for opacity, height in zip(self.band, (ICON_HEIGHT, ICON_HEIGHT / 2), strict=True):
                shade = QColor(color)
                shade.setAlpha(min(255, 2 * opacity))
                painter.fillRect(QRectF(-half, -height / 2, ICON_WIDTH, height), shade)
        painter.setPen(QPen(color, 2, self.line or Qt.PenStyle.SolidLine))
        if self.line is not None or self.band is not None:
            painter.drawLine(QPointF(-half, 0), QPointF(half, 0))
        elif self.bar:
            painter.drawLine(QPointF(0, -ICON_HEIGHT / 2), QPointF(0, ICON_HEIGHT / 2))
        painter.restore()


def entries_of(grouping: Grouping, look: Look, dots: "Iterable[Dot]", open_name: str, error: bool) -> list[Entry]:
    """All signs of a chart.

    Args:
        grouping: what the dots are coloured by.
        look: how the chart is drawn.
        dots: that are shown.
        open_name: what is ringed, such as "P008, the open scan"; "" if nothing is.
        error: whether the measurement error is shown.
    """
    theme, by_sex = look.theme, grouping.by == "sex"
    counts = grouping.count
    found = [
        Entry(f"{group.title} ({counts(group):,})", group.color(theme), dot=Style(group.color(theme), group.symbol))
        for group in grouping.groups
        if counts(group) and (not by_sex or group.key in look.sexes)
    ]
    for place, (sex, title) in enumerate(_SEXES.items()):
        if sex not in look.sexes:
            continue
        color = theme.series[place] if by_sex else theme.muted
        if look.filled == sex:
            found.append(Entry(f"norm, {title}: {BAND_KINDS[look.bands]}", color, band=theme.fills))
        else:
            line = Qt.PenStyle.DotLine if sex == "F" and not by_sex else Qt.PenStyle.SolidLine
            found.append(Entry(f"norm, {title}: {_LINES[look.bands]}", color, line=line))
    if any(dot.learned == "train" for dot in dots):
        hollow = Style(theme.muted, "o", hollow=True)
        found.append(Entry("hollow: its model was trained on this child", theme.muted, dot=hollow))
    if open_name:
        found.append(Entry(f"ring: {open_name}", theme.ink, dot=Style(theme.ink, "o", hollow=True)))
    if error:
        found.append(Entry("bar: 95 % of repeated measurements", theme.ink, bar=True))
    return found


class Legend(QWidget):
    """The signs under each other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        self._rows = QGridLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(6)
        self._rows.setVerticalSpacing(3)
        self._rows.setColumnStretch(1, 1)

    def show_entries(self, entries: Sequence[Entry], theme: Theme) -> None:
        """Replace all rows."""
        if (wanted := tuple(entries)) == self.entries:
            return
        self.entries = wanted
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, entry in enumerate(wanted):
            ratio = self.devicePixelRatioF()
            pixmap = QPixmap(round((ICON_WIDTH + 2) * ratio), round((ICON_HEIGHT + 4) * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(QColor(theme.ground))
            painter = QPainter(pixmap)
            entry.paint(painter, QPointF(ICON_WIDTH / 2 + 1, ICON_HEIGHT / 2 + 2), theme.ground)
            painter.end()
            sign, text = QLabel(), QLabel(entry.text)
            sign.setPixmap(pixmap)
            text.setWordWrap(True)
            text.setProperty("role", "muted")
            text.setStyleSheet("font-size: 11px;")
            self._rows.addWidget(sign, row, 0, Qt.AlignmentFlag.AlignTop)
            self._rows.addWidget(text, row, 1)

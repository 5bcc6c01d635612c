"""What is drawn around dots: the open scan, the dot under mouse or keys, the selection, scans of one child."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont

from ctworkbench.ui.chart_dots import SINGLE_DOTS, DotsItem, Style
from ctworkbench.ui.chart_edges import BarsItem, BeyondItem
from ctworkbench.ui.chart_pixels import LinesItem
from ctworkbench.ui.chart_theme import DARK, Theme
from ctworkbench.ui.plotting import pg

_RIM = 1.8
_LINE = 16.0  # height of a name in pixels


def child_lines(subjects: Sequence[str], xs: NDArray[np.float64]) -> NDArray[np.intp]:
    """Pairs of scans of one child that follow each other in age.

    Args:
        subjects: of each dot.
        xs: age of each dot, shape (n,).

    Returns:
        Numbers of the two dots of each line, shape (m, 2).
    """
    scans: dict[str, list[int]] = {}
    for number, subject in enumerate(subjects):
        scans.setdefault(subject, []).append(number)
    pairs: list[tuple[int, int]] = []
    for numbers in scans.values():
        if len(numbers) > 1:
            ordered = sorted(numbers, key=lambda number: xs[number])
            pairs += pairwise(ordered)
    return np.array(pairs, np.intp).reshape(-1, 2)


class Marks:
    """The marks of one plot, under and over its dots.

    Args:
        plot: where they are drawn.
        dots: what they are drawn around.
        compact: smaller, as in small multiples.
    """

    def __init__(self, plot: pg.PlotItem, dots: DotsItem, compact: bool) -> None:
        self._dots = dots
        self._theme = DARK
        self._named = self._barred = False
        self._pairs: NDArray[np.intp] = np.empty((0, 2), np.intp)
        self.joined, self.own_line, self.error = LinesItem(), LinesItem(), BarsItem()
        self.beyond = BeyondItem()
        self.ring, self.point = DotsItem(), DotsItem()
        self.chosen = DotsItem()
        self.own = DotsItem()
        self.label = pg.TextItem(anchor=(0.5, 1.5))
        font = QFont()
        font.setPixelSize(10 if compact else 12)
        self.label.setFont(font)
        for item, height in (
            (self.joined, 5),
            (self.own_line, 22),
            (self.beyond, 27),
            (dots, 20),
            (self.chosen, 22),
            (self.error, 23),
            (self.own, 24),
            (self.ring, 25),
            (self.point, 26),
            (self.label, 30),
        ):
            item.setZValue(height)
            plot.addItem(item, ignoreBounds=True)
        self.label.hide()
        self.error.hide()

    def dress(self, theme: Theme) -> None:
        """Take the colours of a ground."""
        self._theme = theme
        faint = QColor(theme.muted)
        faint.setAlpha(110)
        self.joined.set_pen(faint, 1)
        self.own_line.set_pen(theme.ink, 1.5)
        self.error.set_pen(theme.ink, 1.5)
        self.beyond.dress(theme.caution)
        ground = QColor(theme.ground)
        ground.setAlpha(200)
        self.label.fill = pg.mkBrush(ground)
        self.label.setColor(theme.ink)

    def join(self, subjects: Sequence[str]) -> None:
        """Join the scans of each child; too many lines to be told apart are left out."""
        distinct = len(set(subjects)) == len(subjects)
        self._pairs = np.empty((0, 2), np.intp) if distinct else child_lines(subjects, self._dots.xs)
        self._draw_lines(self.joined, self._pairs if len(self._pairs) <= SINGLE_DOTS else self._pairs[:0])

    def _draw_lines(self, lines: LinesItem, pairs: NDArray[np.intp]) -> None:
        xs, ys = self._dots.xs, self._dots.ys
        first, second = pairs[:, 0], pairs[:, 1]
        lines.set_segments(np.column_stack((xs[first], ys[first], xs[second], ys[second])))

    def _ring(self, rings: DotsItem, numbers: NDArray[np.intp], wider: float) -> None:
        """Put rings around dots, so many pixels wider than they are."""
        xs, ys = self._dots.xs[numbers], self._dots.ys[numbers]
        style = Style(self._theme.ink, "o", hollow=True, rim=_RIM)
        none = np.zeros(numbers.size, np.intp)
        rings.set_dots(xs, ys, none, [style], self._dots.size + wider, self._theme.ground)

    def mark_open(self, number: int | None, name: str, siblings: Sequence[int], reaches: Mapping[int, float]) -> None:
        """Put the ring and the name on the open dot, and error bars on all dots of its child.

        Args:
            number: of the dot; None where it is not in this plot.
            name: of its subject.
            siblings: all dots of the same child.
            reaches: half of the height of the error bar by dot, in the plot's unit.
        """
        xs, ys = self._dots.xs, self._dots.ys
        own = np.array([] if number is None else [number], np.intp)
        self._ring(self.ring, own, 10)
        # the dot is drawn once more, over all the others
        self.own.set_dots(xs[own], ys[own], *self._dots.style_of(own), self._dots.size, self._theme.ground)
        own_pairs = np.isin(self._pairs, list(siblings)).all(axis=1) if len(self._pairs) else np.zeros(0, bool)
        self._draw_lines(self.own_line, self._pairs[own_pairs])
        places, reach = np.array(list(reaches), np.intp), np.array(list(reaches.values()), float)
        columns = (xs[places], ys[places] - reach, xs[places], ys[places] + reach)
        self.error.set_segments(np.column_stack(columns))
        self._named, self._barred = number is not None, number in reaches
        if number is not None:
            self.label.setText(name)
            self.label.setPos(xs[number], ys[number])

    def place_label(self, view: QRectF, pixel: tuple[float, float]) -> None:
        """Keep the name of the open dot within what is in view.

        Args:
            view: in the plot's units.
            pixel: width and height of a pixel in the plot's units.
        """
        at = self.label.pos()
        self.label.setVisible(self._named and view.contains(at))
        if not self.label.isVisible():
            return
        across = min(max((at.x() - view.left()) / view.width(), 0.0), 1.0)
        if self._barred:  # over or under the dot it would cover half of the error bar
            wide = self.label.boundingRect().width() * pixel[0]
            self.label.setAnchor((-0.35 if view.right() - at.x() > 1.35 * wide else 1.35, 0.5))
            return
        above = view.bottom() - at.y() > 2.5 * _LINE * pixel[1]
        self.label.setAnchor((across, 1.5 if above else -0.5))

    def point_at(self, number: int | None) -> None:
        """Ring the dot under the mouse or the keys."""
        self._ring(self.point, np.array([] if number is None else [number], np.intp), 6)

    def mark_chosen(self, numbers: NDArray[np.intp]) -> None:
        """Ring the dots of the selection."""
        self._ring(self.chosen, numbers, 4)

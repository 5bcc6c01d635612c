"""Charts as files: a picture, a drawing, or the numbers behind them."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ChartData

CSV_COLUMNS = ("chart", "subject", "sex", "age_years", "value", "unit", "z", "no_centile_because", "labels", "scan")
_HEAD_PIXELS = 26


def write_picture(path: Path, figure: QWidget, legend: str, title: str) -> None:
    """Write a figure as it stands as .png (twice as fine as on the screen) or .svg, with purpose and legend above it.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("wb"):  # a place that cannot be written is told now, for Qt would say nothing
        pass
    size = figure.size() + QSize(0, _HEAD_PIXELS)
    if path.suffix == ".svg":
        from PySide6.QtSvg import QSvgGenerator

        generator = QSvgGenerator()
        generator.setFileName(str(path))
        generator.setSize(size)
        generator.setViewBox(QRect(QPoint(0, 0), size))
        generator.setTitle(title)
        _paint(generator, figure, legend, size)
        return
    picture = QPixmap(size * 2)
    picture.setDevicePixelRatio(2.0)
    _paint(picture, figure, legend, size)
    if not picture.save(str(path), "PNG"):
        raise OSError(0, "the picture could not be saved")


def _paint(target: "QPixmap | object", figure: QWidget, legend: str, size: QSize) -> None:
    painter = QPainter(target)  # type: ignore[arg-type]
    painter.fillRect(QRect(QPoint(0, 0), size), QColor("#20242b"))
    head = QRect(8, 0, size.width() - 16, _HEAD_PIXELS - 2)
    painter.setPen(QColor("#f2b84b"))
    painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, "Research use only – not for diagnosis")
    painter.setPen(QColor("#c3ccd8"))
    painter.drawText(head, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, legend)
    painter.translate(0, _HEAD_PIXELS)
    figure.render(painter, QPoint(0, 0))
    painter.end()


def write_numbers(path: Path, charts: "Sequence[ChartData]", sexes: Collection[str]) -> None:
    """Write the dots of charts as CSV, one row a dot.

    Args:
        path: the file.
        charts: what is shown.
        sexes: "M", "F" and "" (unknown) as they are shown.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV_COLUMNS)
        for data in charts:
            for dot in data.dots:
                if str(dot.sex or "") not in sexes:
                    continue
                age = "" if dot.age_years is None else f"{dot.age_years:.4f}"
                z = "" if dot.z is None else f"{dot.z:.3f}"
                why = data.outside.get(dot.scan_id, "")
                value = f"{dot.value:.3f}"
                writer.writerow(
                    (data.title, dot.subject, dot.sex or "", age, value, data.unit, z, why, dot.source, dot.scan_id)
                )

"""A norm's card as pages of a PDF: text, centile curves of all regions, calibration."""

from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.card_document import GREY, LINE, CardDocument, written
from ctworkbench.core.norms.calibration import BINS, worm_band
from ctworkbench.core.norms.card import calibration_table, sections
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm import Norm
from ctworkbench.core.schemes import spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"M": "#2f6db5", "F": "#c2487a"}
_SEXES = {"M": "boys", "F": "girls"}
_CENTILES = (5.0, 50.0, 95.0)
_PLACES = (0.07, 0.2, 0.235, 0.275, 0.315, 0.355, 0.395, 0.435, 0.475, 0.525, 0.57)


def write(norm: Norm, out: Path) -> None:
    """Write the pages; the same bytes for the same norm.

    Raises:
        OSError: the file cannot be written.
    """
    name = f"Norm {norm.name}"
    with written(out, name, name, norm.title) as document:
        document.text(norm.title, sections(norm), 0.22, 104)
        if isinstance(norm, FittedNorm):
            _table(norm, document)
        document.end()
        _curves(norm, document)
        if isinstance(norm, FittedNorm):
            _calibration(norm, document)


def _table(norm: FittedNorm, document: CardDocument) -> None:
    heading, rows = calibration_table(norm)
    document.headline("How well it holds", len(rows) + 5)
    told = "Share of held-out children below each centile (%); error: mean distance of the five shares, in points."
    document.put(0.07, told, 7, GREY)
    document.y -= 1.5 * LINE
    for row in (heading, *rows):
        document.row(_PLACES, [cell if len(cell) < 62 else f"{cell[:60]}…" for cell in row], 6.2, bold=row is heading)


def _grid(document: CardDocument, heading: str, count: int) -> "tuple[Figure, list[Axes]]":
    figure = document.page(heading)
    columns = 3
    rows = -(-count // columns)
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={"left": 0.08, "right": 0.97, "bottom": 0.07, "top": 0.91, "hspace": 0.42, "wspace": 0.28},
    ).ravel()
    for spare in axes[count:]:
        spare.axis("off")
    for one in axes[:count]:
        for side in ("top", "right"):
            one.spines[side].set_visible(False)
        one.tick_params(length=2, width=0.5, labelsize=6)
    return figure, list(axes[:count])


def _curves(norm: Norm, document: CardDocument) -> None:
    """The 5th, 50th and 95th centile of both sexes over age, with the interval of the curves."""
    figure, axes = _grid(document, "centile curves", len(norm.regions))
    figure.text(0.07, 0.94, "5th, 50th, 95th centile in cm³ over age in years; shaded: 95 % interval of the curve.")
    ages = norm.ages()
    for one, region in zip(axes, norm.regions, strict=True):
        one.set_title(spoken(region).capitalize(), fontsize=7.5)
        for sex, color in _COLORS.items():
            if norm.refusal(sex, ages[0]) is not None:
                continue
            for centile, curve in norm.curves(region, sex, _CENTILES, ages).items():
                ends = norm.curve_interval(region, sex, centile, ages)
                if ends is not None:
                    one.fill_between(ages, *ends, color=color, alpha=0.15, linewidth=0)
                label = _SEXES[sex] if centile == 50 else None
                one.plot(ages, curve, color=color, linewidth=1.1 if centile == 50 else 0.7, label=label)
    axes[0].legend(fontsize=6, frameon=False)
    document.add(figure)


def _calibration(norm: FittedNorm, document: CardDocument) -> None:
    """PIT histograms and worm plots of all regions."""
    figure, axes = _grid(document, "PIT histograms", len(norm.file.regions))
    figure.text(0.07, 0.94, "Held-out children by their centile; flat if the norm is right (dotted: 95 % by chance).")
    for one, entry in zip(axes, norm.file.regions, strict=True):
        share, n = 1 / BINS, entry.calibration.n
        edges = [100 * k * share for k in range(BINS)]
        one.bar(edges, entry.calibration.pit, width=100 * share, align="edge", color="#8aa7c4", edgecolor="white")
        reach = 1.96 * (n * share * (1 - share)) ** 0.5
        for level in (n * share - reach, n * share + reach):
            one.axhline(level, color=GREY, linewidth=0.6, linestyle=":")
        one.set_title(spoken(entry.region).capitalize(), fontsize=7.5)
        one.set_xlim(0, 100)
    document.add(figure)
    figure, axes = _grid(document, "worm plots", len(norm.file.regions))
    figure.text(0.07, 0.94, "Deviate found less expected, by deviate expected, in SDs; dotted: 95 % by chance.")
    for one, entry in zip(axes, norm.file.regions, strict=True):
        worm = entry.calibration.worms[0]
        band = worm_band(worm.expected, worm.n)
        one.plot(worm.expected, worm.deviation, color="black", marker="o", markersize=1.6, linewidth=0.6)
        one.plot(worm.expected, band, color=GREY, linewidth=0.6, linestyle=":")
        one.plot(worm.expected, [-value for value in band], color=GREY, linewidth=0.6, linestyle=":")
        one.axhline(0, color=GREY, linewidth=0.5)
        top = max(0.3, *(abs(value) for value in worm.deviation))
        one.set_ylim(-1.1 * top, 1.1 * top)
        one.set_title(spoken(entry.region).capitalize(), fontsize=7.5)
    document.add(figure)

"""Bland and Altman's picture of one region: difference against mean of two readings."""

from collections.abc import Sequence

import numpy as np

from ctworkbench.core.agreement.tables import INTRA, PairFact, compared, groups_of
from ctworkbench.core.agreement.volumes import bland_altman
from ctworkbench.core.analysis.figures import GREY, INK, Picture, new_figure

_COLORS = ("#1f5fa8", "#c2410c", "#2f7d4f", "#7a4fa3", "#8a6d1a")
_LEAST = 2


def bland_altman_figure(pairs: Sequence[PairFact], region: str, title: str) -> Picture | None:
    """Differences of the second minus the first reading over their mean, each pair of readers in its colour.

    Args:
        pairs: what is compared; repeated readings of one reader are drawn as squares.
        region: name of the region.
        title: its name for people.

    Returns:
        The picture; None where fewer than two cases have the region.
    """
    groups = {key: own for key, own in groups_of(pairs).items() if key[1] != "all"}
    inter = [pair for key, own in groups.items() if key[0] != INTRA for pair in own]
    found = compared(inter or pairs, region)
    if len(found.dice) < _LEAST:
        return None
    limits = bland_altman(found.first, found.second)
    figure = new_figure(4.6, 3.6)
    axes = figure.subplots()
    for number, ((kind, name), own) in enumerate(groups.items()):
        some = compared(own, region)
        told = f"{name}, twice" if kind == INTRA else name
        mean, difference = (some.first + some.second) / 2, some.second - some.first
        color, marker = _COLORS[number % len(_COLORS)], "s" if kind == INTRA else "o"
        axes.scatter(mean, difference, s=16, color=color, marker=marker, label=f"{told} (n = {len(mean)})", zorder=3)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    for interval, style, word, color in (
        (limits.bias, "-", "bias", _COLORS[0]),
        (limits.lower, "--", "−1.96 SD", GREY),
        (limits.upper, "--", "+1.96 SD", GREY),
    ):
        axes.axhline(interval.value, color=INK, linestyle=style, linewidth=0.9, zorder=2)
        if np.isfinite(interval.low):
            axes.axhspan(interval.low, interval.high, color=color, alpha=0.12, linewidth=0, zorder=0)
        text = f"{word} {interval.value:.2f}".replace("-", "−")
        axes.annotate(
            text, (1.0, interval.value), xycoords=("axes fraction", "data"), fontsize=7, va="bottom", ha="right"
        )
    axes.set_xlabel("Mean of both readings, cm³", fontsize=8)
    axes.set_ylabel("Second minus first reading, cm³", fontsize=8)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6.5, frameon=False, loc="best")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    caption = f"{title}: bias and limits of agreement of {limits.cases} pairs of readings; bands are 95 % intervals."
    return Picture(f"bland_altman_{region}", caption, figure)

"""Colours of the charts on a dark and on a light ground."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Colours of one ground.

    Attributes:
        series: for groups of dots, told apart by the colour-blind; the first two are those of boys and girls.
        neutral: for what belongs to no group: unknown, other.
        fills: opacity, 0 to 255, of the outer and the inner band.
        caution: for what has no centile.
    """

    name: str
    ground: str
    strip: str
    page: str
    ink: str
    muted: str
    axis: str
    caution: str
    series: tuple[str, ...]
    neutral: str
    fills: tuple[int, int]


# Okabe and Ito's palette (jfly.uni-koeln.de/color), lightened for the dark ground and darkened for the light one until
# each colour stands out from its ground by 3:1 or more; the dots' shapes tell the same a second time.
DARK = Theme(
    name="dark",
    ground="#1b1f25",
    strip="#23272e",
    page="#20242b",
    ink="#eef1f5",
    muted="#c3ccd8",
    axis="#5a6778",
    caution="#f2b84b",
    series=("#56b4e9", "#e69f00", "#2fc4a0", "#d98ab6", "#f0e442", "#ff7847", "#a9a5ff"),
    neutral="#c8ccd2",
    fills=(20, 30),
)
LIGHT = Theme(
    name="light",
    ground="#ffffff",
    strip="#f1f3f6",
    page="#ffffff",
    ink="#15191f",
    muted="#39424e",
    axis="#8a94a1",
    caution="#9a5b00",
    series=("#0072b2", "#c35e00", "#00805d", "#a5437b", "#7d7200", "#b3261e", "#5b4bc4"),
    neutral="#6a7480",
    fills=(26, 38),
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

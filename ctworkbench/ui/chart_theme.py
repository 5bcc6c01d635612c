"""Colours of the charts on a dark and on a light ground."""

from dataclasses import dataclass

from PySide6.QtCore import QSettings

GROUND = "charts/theme"
"""Where the charts' choice of ground is remembered; all other plots follow it."""


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


# The first two are Okabe and Ito's blue and orange (jfly.uni-koeln.de/color), darker on the light ground; the others
# were chosen so that all seven differ for those who lack one kind of cone, and stand out from their ground by 3:1 or
# more (a test measures both). The dots' shapes tell the same a second time.
DARK = Theme(
    name="dark",
    ground="#1b1f25",
    strip="#23272e",
    page="#20242b",
    ink="#eef1f5",
    muted="#c3ccd8",
    axis="#5a6778",
    caution="#f2b84b",
    series=("#56b4e9", "#e69f00", "#4df0a8", "#a55bff", "#b0622a", "#f5f07a", "#f2b6d8"),
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
    series=("#0072b2", "#c35e00", "#7c0ffb", "#12a55f", "#141414", "#8a0f52", "#2c3072"),
    neutral="#6a7480",
    fills=(26, 38),
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}


def chosen_theme(memory: QSettings) -> Theme:
    """The ground that was chosen for the charts."""
    return THEMES.get(str(memory.value(GROUND, DARK.name)), DARK)

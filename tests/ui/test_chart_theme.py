"""The colours of charts: seen on their ground, and told apart by the colour-blind."""

from itertools import combinations

import numpy as np
import pytest

from ctworkbench.ui.chart_theme import THEMES, Theme
from tests.vision import VISION, contrast, lab, linear


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_that_dots_and_words_stand_out_from_their_ground(theme: Theme) -> None:
    for color in (*theme.series, theme.neutral):
        assert contrast(color, theme.ground) >= 3, color
    for color in (theme.ink, theme.muted):
        assert min(contrast(color, ground) for ground in (theme.ground, theme.page)) >= 4.5, color
    assert contrast(theme.caution, theme.strip) >= 4.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
@pytest.mark.parametrize("vision", VISION)
def test_that_all_groups_differ_in_colour_for_every_kind_of_vision(theme: Theme, vision: str) -> None:
    seen = {color: lab(VISION[vision] @ linear(color)) for color in theme.series}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 18, (one, other)

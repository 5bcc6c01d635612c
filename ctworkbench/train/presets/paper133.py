"""The article's settings with kernels of (1, 3, 3): they do not look across slices within a level."""

from ctworkbench.train.presets.paper import PRESET as PAPER

PRESET = PAPER.model_copy(
    update={"title": "Paper, kernels of (1, 3, 3): the article's settings at 1 mm, for a GPU", "kernel": (1, 3, 3)}
)

"""Heads that never were: the sides are right, the mask holds the brain, and the draw is decided by its generator."""

import numpy as np
import pytest
import torch

from ctworkbench.core import schemes
from ctworkbench.core.phantom_head import list_heads, read_head
from ctworkbench.core.settings import resource
from ctworkbench.train.augment import class_mirror
from ctworkbench.train.synthetic import HeadPainter, SyntheticHead
from scripts.train_starter import MIRROR, head_fields, together

SCHEME = schemes.load()
SPACING = 5.0


@pytest.fixture(scope="module")
def painter() -> HeadPainter:
    head = read_head(list_heads(resource("heads"))[0])
    return HeadPainter([head_fields(head.tissue, head.labels)], "cpu", torch.tensor(MIRROR), SPACING)


@pytest.fixture(scope="module")
def drawn(painter: HeadPainter) -> list[SyntheticHead]:
    return [painter.draw(np.random.default_rng([3, number])) for number in range(8)]


def test_that_the_scripts_mirror_is_the_schemes() -> None:
    assert class_mirror(SCHEME.codes, SCHEME.mirror_table).tolist() == list(MIRROR)


def test_that_right_is_right_in_every_head_flipped_or_not(drawn) -> None:
    for head in drawn:
        x = torch.arange(head.target.shape[0]).float()
        for right, left in SCHEME.pairs:
            place = [SCHEME.codes.index(region.code) + 1 for region in (right, left)]
            middle = [
                float((x[:, None, None] * (head.target == number)).sum() / (head.target == number).sum())
                for number in place
            ]
            assert middle[0] > middle[1]  # arrays are RAS+: x runs to the right


def test_that_regions_lie_within_the_mask_and_have_a_childs_or_an_adults_size(drawn) -> None:
    for head in drawn:
        assert head.image.shape[1:] == head.target.shape
        assert all(n % 4 == 0 for n in head.target.shape)
        assert set(torch.unique(head.target).tolist()) == set(range(11))
        assert float((head.image[0][head.target > 0] > 0).float().mean()) > 0.97
        litres = float((head.target > 0).sum()) * SPACING**3 / 1e6
        assert 0.5 < litres < 2.0
        assert torch.isfinite(head.image).all()


def test_that_the_same_generator_draws_the_same_head_and_another_another(painter, drawn) -> None:
    again = painter.draw(np.random.default_rng([3, 0]))
    assert torch.equal(again.image, drawn[0].image)
    assert torch.equal(again.target, drawn[0].target)
    assert drawn[1].image.shape != drawn[0].image.shape or not torch.equal(drawn[1].image, drawn[0].image)


def test_that_heads_go_together_with_their_places(drawn) -> None:
    images, target = together(drawn[:2], SPACING)
    assert images.shape[:2] == (2, 4)
    assert images.shape[2:] == target.shape[1:]
    for number, head in enumerate(drawn[:2]):
        inside = images[number, 0] > 0
        for axis in range(3):
            places = images[number, 1 + axis][inside]
            assert -1.2 < float(places.min()) < -0.8
            assert 0.8 < float(places.max()) < 1.2
        assert int((target[number] > 0).sum()) == int((head.target > 0).sum())

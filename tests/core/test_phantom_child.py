"""What is drawn for a child follows the norms it is drawn from."""

import numpy as np
import pytest

from ctworkbench.core.norms import NormError, published_norm
from ctworkbench.core.phantom_child import cranial, draw_child


def test_that_draws_have_the_published_means_spreads_and_asymmetries() -> None:
    norm = published_norm()
    rng = np.random.default_rng(0)
    children = [draw_child(rng, "F", 2.0) for _ in range(2000)]
    for region in norm.regions:
        drawn = np.array([child.volumes_cm3[region] for child in children])
        assert drawn.mean() == pytest.approx(norm.mean(region, "F", 2.0), rel=0.01), region
        assert drawn.std() == pytest.approx(norm.sd(region), rel=0.08), region
    for pair in norm.pairs:
        apart = [child.volumes_cm3[f"right_{pair}"] - child.volumes_cm3[f"left_{pair}"] for child in children]
        assert np.std(apart) == pytest.approx(norm.asymmetry_sd(pair, "F"), rel=0.1), pair


def test_that_the_skull_follows_age_and_sex() -> None:
    assert cranial("ICV", "ICV", "M", 2.0) == pytest.approx(1072, abs=1)
    assert cranial("ICV", "ICV", "F", 2.0) == pytest.approx(976, abs=1)
    assert cranial("BoneThickness", "Parietal bone", "M", 2.05) == pytest.approx(2.285)
    children = [draw_child(np.random.default_rng(seed), "M", 2.0) for seed in range(300)]
    assert np.mean([child.cephalic_index for child in children]) == pytest.approx(81.5, abs=0.6)
    assert all(child.intracranial_cm3 > sum(child.volumes_cm3.values()) for child in children)


def test_that_an_age_outside_the_norm_is_refused() -> None:
    with pytest.raises(NormError):
        draw_child(np.random.default_rng(0), "M", 5.0)

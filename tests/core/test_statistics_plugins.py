"""One parametrised test holds every statistic to its contract."""

import numpy as np
import pytest

from ctworkbench.core import plugins
from ctworkbench.core.volume import Volume

NAMES = plugins.names(plugins.STATISTICS)


def test_that_the_volume_is_among_the_statistics() -> None:
    assert "volume" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_that_a_statistic_has_a_unit_and_one_number_per_region(name: str) -> None:
    module = plugins.load(plugins.STATISTICS, name)
    voxels = np.zeros((6, 5, 4), dtype=np.uint8)
    voxels[1:3, 1:3, 1:3] = 1
    voxels[3:5, 1:4, 1:3] = 2
    labels = Volume(voxels, np.diag([0.5, 0.5, 2, 1]))
    image = Volume(np.arange(120, dtype=np.int16).reshape(6, 5, 4), labels.affine)
    assert isinstance(module.UNIT, str) and module.UNIT
    assert (module.__doc__ or "").strip()
    one, two = (module.compute(labels, image, code) for code in (1, 2))
    assert type(one) is float and np.isfinite([one, two]).all() and one != two
    if hasattr(module, "compute_all"):
        assert module.compute_all(labels, image, (1, 2)) == {1: one, 2: two}
    # the same image stored in another orientation is the same patient
    assert module.compute(labels.oriented("LPI"), image.oriented("LPI"), 2) == pytest.approx(two, rel=1e-12)

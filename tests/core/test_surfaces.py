"""Surfaces of regions lie where their voxels lie in the patient."""

import numpy as np
import pytest

from ctworkbench.core.surfaces import region_surfaces
from ctworkbench.core.volume import Volume
from tests.core.test_exchange import affine_of


@pytest.mark.parametrize("kind", ["axial", "oblique", "flipped", "sagittal"])
def test_that_a_surface_lies_around_its_region_in_the_patient(kind: str) -> None:
    affine = affine_of(kind)
    index = np.stack(np.meshgrid(*[np.arange(size) for size in (50, 44, 26)], indexing="ij"), -1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    centre = world[27, 20, 12]
    radius = np.linalg.norm(world - centre, axis=-1)
    labels = np.where(radius < 14, 3, 0).astype(np.uint8)
    labels[(radius < 14) & (world[..., 0] > centre[0])] = 4
    left, right = region_surfaces(Volume(np.asfortranarray(labels), affine), (3, 4, 5))
    assert (left.code, right.code) == (3, 4)
    assert right.vertices[:, 0].mean() > centre[0] > left.vertices[:, 0].mean()
    away = np.linalg.norm(np.concatenate([left.vertices, right.vertices]) - centre, axis=1)
    assert away.max() < 14 + 3
    assert away.max() > 14 - 3
    for surface in (left, right):
        edges = np.sort(np.concatenate([surface.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
        _, uses = np.unique(edges, axis=0, return_counts=True)
        assert (uses == 2).all()  # closed


def test_that_one_voxel_has_a_surface_too_and_nothing_has_none() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    assert region_surfaces(Volume(labels, np.eye(4)), (1, 2)) == []
    labels[4, 4, 4] = 2
    (surface,) = region_surfaces(Volume(labels, np.diag([3.0, 3.0, 3.0, 1.0])), (1, 2))
    assert surface.vertices.mean(0) == pytest.approx([12, 12, 12], abs=0.1)

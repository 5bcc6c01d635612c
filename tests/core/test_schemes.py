"""Region schemes: codes, sides and mirrors that agree with one another."""

from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import read_nifti
from tests.vision import VISION, blended, lab, linear


@pytest.mark.parametrize("name", schemes.names())
def test_that_a_scheme_agrees_with_itself(name: str) -> None:
    scheme = schemes.load(name)
    assert len(set(scheme.codes)) == len(scheme.codes)
    assert len(set(scheme.region_names)) == len(scheme.region_names)
    assert all(1 <= code <= 255 for code in scheme.codes)
    opposite = {"left": "right", "right": "left", "both": "both"}
    by_code = {region.code: region for region in scheme.regions}
    for region in scheme.regions:
        assert by_code[region.mirror].side == opposite[region.side]
        assert int(region.color.removeprefix("#"), 16) >= 0
        assert len(region.color) == 7


@pytest.mark.parametrize("name", schemes.names())
def test_that_mirroring_twice_changes_nothing(name: str) -> None:
    table = schemes.load(name).mirror_table
    np.testing.assert_array_equal(table[table], np.arange(256))
    assert table[0] == 0


def test_that_lobes10_has_the_codes_of_the_shipped_label_maps() -> None:
    expected = {
        "right_frontal": 1,
        "left_frontal": 2,
        "right_parietal": 3,
        "left_parietal": 4,
        "right_occipital": 5,
        "left_occipital": 6,
        "right_temporal": 7,
        "left_temporal": 8,
        "cerebellum": 9,
        "brainstem": 10,
    }
    scheme = schemes.load("lobes10")
    assert {region.name: region.code for region in scheme.regions} == expected
    assert [(right.code, left.code) for right, left in scheme.pairs] == [(1, 2), (3, 4), (5, 6), (7, 8)]


def touching_regions() -> list[tuple[int, int]]:
    """Pairs of codes that share more than 60 faces of voxels in a whole-head map."""
    labels = read_nifti(resource("heads/head_02_labels10.nii.gz")).voxels
    faces = np.zeros((256, 256), int)
    for axis in range(3):
        slabs = np.moveaxis(labels, axis, 0)
        np.add.at(faces, (slabs[:-1].ravel(), slabs[1:].ravel()), 1)
    faces += faces.T
    return [(one, other) for one, other in np.argwhere(faces > 60).tolist() if 0 < one < other]


@pytest.mark.parametrize("vision", VISION)
def test_that_regions_that_touch_differ_for_every_kind_of_vision_filled_and_as_outlines(vision: str) -> None:
    colors = {region.code: region.color for region in schemes.load("lobes10").regions}
    pairs = touching_regions()
    assert (4, 6) in pairs and (9, 10) in pairs
    outlines = {code: lab(VISION[vision] @ linear(color)) for code, color in colors.items()}
    fills = {code: lab(VISION[vision] @ blended(color, opacity=0.4, grey=0.45)) for code, color in colors.items()}
    for one, other in pairs:
        assert np.linalg.norm(outlines[one] - outlines[other]) >= 18, (one, other)
        assert np.linalg.norm(fills[one] - fills[other]) >= 12, (one, other)


def test_that_the_left_side_is_the_lighter_one() -> None:
    scheme = schemes.load("lobes10")
    for right, left in scheme.pairs:
        assert lab(linear(left.color))[0] > lab(linear(right.color))[0] + 15


def test_that_an_unknown_scheme_is_refused_with_the_choice() -> None:
    with pytest.raises(WorkbenchError, match="lobes10"):
        schemes.load("lobes99")


def test_that_an_unknown_region_is_refused_with_the_choice() -> None:
    with pytest.raises(WorkbenchError, match="right_frontal"):
        schemes.load().region("insula")


@pytest.mark.parametrize(("code", "mirror"), [(1, 2), (2, 2)])
def test_that_a_scheme_that_contradicts_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, mirror: int
) -> None:
    region = '[[region]]\ncode = {}\nname = "{}"\ntitle = "T"\nside = "left"\nmirror = {}\ncolor = "#000000"\n'
    text = 'title = "Wrong"\n' + region.format(code, "a", mirror) + region.format(2, "b", 2)
    (tmp_path / f"wrong{code}.toml").write_text(text)
    monkeypatch.setattr(schemes, "resource", lambda _: tmp_path)
    with pytest.raises(WorkbenchError, match="repeat or mirrors"):
        schemes.load(f"wrong{code}")

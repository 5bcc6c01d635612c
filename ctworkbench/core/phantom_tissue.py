"""HU of a phantom's tissues, and what lies at any point of the child's head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.phantom_head import (
    BONE,
    BRAINSTEM,
    CORTEX,
    CSF_OUTSIDE,
    DEEP_GREY,
    SINUS,
    VENTRICLES,
    VESSELS,
    WHITE,
    Head,
)

AIR_HU = -1000.0
_ARTERY, _EYES, _SOFT, _MUSCLE, _MUCOSA, _SKIN, _CORD, _VEIN, _CORTICAL, _CANCELLOUS, _NERVE = (
    502,
    506,
    507,
    508,
    509,
    511,
    512,
    SINUS,
    515,
    516,
    530,
)
_SULCAL_FLUID = 0.05
_SKIN_MM = 1.3
_FAT_MM = 1.2


@dataclass(frozen=True)
class Palette:
    """HU of one child's tissues; grey and white nearly alike, as at two years."""

    white: float
    grey: float
    deep_grey: float
    brainstem: float
    fluid: float
    blood: float
    muscle: float
    fat: float
    vault: float
    suture_mm: float


def draw_palette(rng: np.random.Generator) -> Palette:
    """HU within what is seen at two years at 120 kV: grey 4 to 7 HU above white."""
    white = float(rng.uniform(28, 31))
    grey = white + float(rng.uniform(4, 7))
    return Palette(
        white=white,
        grey=grey,
        deep_grey=grey + float(rng.uniform(-1, 1.5)),
        brainstem=white + float(rng.uniform(1, 3)),
        fluid=float(rng.uniform(5, 9)),
        blood=float(rng.uniform(46, 56)),
        muscle=float(rng.uniform(48, 56)),
        fat=float(rng.uniform(-100, -80)),
        vault=float(rng.uniform(850, 1150)),
        suture_mm=float(rng.uniform(0.8, 1.6)),
    )


def paint(head: Head, palette: Palette, rng: np.random.Generator) -> NDArray[np.float32]:
    """HU on the adult's voxels, without the vault: float32, the shape of `head.tissue`.

    Sulci wider than a child's are filled with cortex; the regions, whose sulci are filled anyway, stay as they are.
    """
    table = np.full(1024, palette.muscle - 12, dtype=np.float32)
    table[0] = AIR_HU
    for codes, hu in (
        (WHITE, palette.white),
        (CORTEX, palette.grey),
        (DEEP_GREY, palette.deep_grey),
        ((BRAINSTEM, _CORD), palette.brainstem),
        ((*VENTRICLES, CSF_OUTSIDE), palette.fluid),
        ((*VESSELS, SINUS, _ARTERY, _VEIN), palette.blood),
        ((_EYES,), 12.0),
        ((_MUSCLE,), palette.muscle),
        ((_MUCOSA, _NERVE), 35.0),
        ((_SKIN,), 25.0),
        ((_CORTICAL,), 950.0),
        ((_CANCELLOUS,), 350.0),
    ):
        table[list(codes)] = hu
    hu = table[_narrow_sulci(head)]
    soft = head.tissue == _SOFT
    streaks = ndimage.gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), 2.0)
    hu[soft & (streaks > 0.8 * streaks.std())] = palette.fat
    y, z = (np.arange(n, dtype=np.float32) for n in hu.shape[1:])
    hu[head.is_tissue(BONE) & (head.above_base(y[:, None], z) > 0)] = 30.0
    return hu


def _narrow_sulci(head: Head) -> NDArray[np.int16]:
    """Tissue codes with fluid inside the regions kept where it is widest, up to 5 % of their volume."""
    fluid = (head.tissue == CSF_OUTSIDE) & (head.labels > 0)
    keep = round(_SULCAL_FLUID * np.count_nonzero(head.labels))
    tissue = head.tissue.copy()
    if np.count_nonzero(fluid) > keep:
        width = ndimage.gaussian_filter(fluid.astype(np.float32), 1.0)[fluid]
        edge = np.partition(width, -keep)[-keep]
        filled = np.where(width >= edge, CSF_OUTSIDE, np.where(head.labels[fluid] == 9, 8, 3))
        tissue[fluid] = filled
    return tissue


def hu_at(
    painted: NDArray[np.float32], fields: NDArray[np.float32], palette: Palette, blur_mm: float
) -> NDArray[np.float32]:
    """HU at points of the child's head, vault and scalp laid over what was painted.

    Args:
        painted: HU on the adult's voxels, blurred already.
        fields: (8, …) of `Skull`, at the points.
        palette: the child's HU.
        blur_mm: half the width over which edges of the vault and the skin are soft, the point spread.
    """
    inner, skin, vault, suture, thickness = fields[3:]
    hu = ndimage.map_coordinates(painted, fields[:3], order=1, mode="nearest", prefilter=False)
    outside = _step(inner, blur_mm)
    depth = -skin
    scalp = (
        palette.muscle
        - 10
        + (palette.fat - palette.muscle + 10)
        * (_step(depth - _SKIN_MM, blur_mm) - _step(depth - _SKIN_MM - _FAT_MM, blur_mm))
    )
    bone = outside - _step(inner - thickness, blur_mm)
    gap = 1 - _step(suture - palette.suture_mm, 0.5)
    shell = scalp + bone * (1 - gap) * (palette.vault - scalp)
    within = np.maximum(hu, np.float32(palette.fluid)) * (1 - outside) + shell * outside
    hu = hu + vault * (within - hu)
    solid = 1 - _step(skin, blur_mm)
    return AIR_HU + (hu - np.float32(AIR_HU)) * solid


def _step(distance: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """A soft step from 0 to 1 at distance 0, over ± `width`."""
    t = np.clip(distance / np.float32(2 * width) + np.float32(0.5), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)

"""Preprocessing of a head CT: one grid, skull and brain masks from HU, and the equalized network input.

The order is the rule: masks are made from HU, then the brain is equalized for the network. Nothing is ever measured on
the equalized image.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from ctworkbench.core.brain_mask import BRAIN_WINDOW, HeadMasks, head_masks
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.terms import PREPROCESSING
from ctworkbench.core.volume import Grid, Volume, read_nifti, resample, write_nifti

_MARGIN_MM = 6.0
_AIR_HU = -1024
_BODY_HU = -250
_METAL_HU, _METAL_CM3 = 3000, 0.1
_CUT_OFF = 0.15  # of the largest section: the scalp over the vertex alone has less
_LEVEL_HU = 4  # at which the local histogram is read; between them it is smooth, for noise alone spreads it by more
_STRIDE = 2  # voxels, likewise


class Equalization(NamedTuple):
    """Settings of the adaptive histogram equalization, as ITK names them; these are its defaults.

    Attributes:
        radius_mm: half the side of the window; at 1 mm, voxels.
        alpha: 0 is classical histogram equalization, 1 an unsharp mask.
        beta: 0 as `alpha` has it, 1 the image unchanged.
    """

    radius_mm: int = 5
    alpha: float = 0.3
    beta: float = 0.3


EQUALIZATION = Equalization()


class PreprocessParams(BaseModel):
    """What to preprocess.

    Attributes:
        image: NIfTI of a head CT in HU, on its own grid.
    """

    model_config = ConfigDict(frozen=True)

    image: Path


class PreprocessResult(BaseModel):
    """Files on one common 1-mm isotropic grid, cropped to the head.

    Attributes:
        image: HU, int16, linear interpolation.
        brain: uint8 mask of the inside of the skull, down to the foramen magnum, without the last millimetre at bone.
        skull: uint8 mask of the bone of the head.
        equalized: uint8 network input: brain window, adaptive histogram equalization, 0 outside the brain.
        brain_cm3: volume of the inside of the skull out to the edge of the bone, which is more than that of `brain`.
        warnings: what a reader should know before trusting the masks.
        version: `PREPROCESSING` of the program that made them.
    """

    model_config = ConfigDict(frozen=True)

    image: Path
    brain: Path
    skull: Path
    equalized: Path
    brain_cm3: float
    warnings: tuple[str, ...] = ()
    version: int = 1


def preprocess(params: PreprocessParams, context: JobContext) -> PreprocessResult:
    """Bring a head CT to 1 mm, find skull and brain in HU, and equalize the brain for the network.

    The image is interpolated linearly, without smoothing first, as in the study that this program follows; only axes
    finer than 0.4 mm are averaged a little, where plain interpolation would throw measured values away.

    Raises:
        WorkbenchError: no brain is in view.
        VolumeError: unreadable, or with axes that are not at right angles.
    """
    context.progress(0.0, "Reading the scan")
    scan = read_nifti(params.image).oriented()
    context.progress(0.1, "Bringing it to 1 mm")
    image = to_one_mm(scan, params.image.name)
    context.progress(0.3, "Finding skull and brain")
    masks = head_masks(image, params.image.name)
    context.progress(0.65, "Equalizing the brain")
    equalized = equalize(image.voxels, masks.brain)
    context.progress(0.9, "Writing")
    paths = {name: context.folder / f"{name}.nii.gz" for name in ("image", "brain", "skull", "equalized")}
    write_nifti(image, paths["image"])
    write_nifti(Volume(masks.brain.astype(np.uint8), image.affine), paths["brain"])
    write_nifti(Volume(masks.skull.astype(np.uint8), image.affine), paths["skull"])
    write_nifti(Volume(equalized, image.affine), paths["equalized"])
    cm3 = float(masks.inside.sum() * image.grid.voxel_volume_mm3 / 1000)
    warnings = _warnings(scan, image, masks, cm3)
    return PreprocessResult(**paths, brain_cm3=cm3, warnings=warnings, version=PREPROCESSING)


def to_one_mm(scan: Volume, name: str) -> Volume:
    """The scan at 1 mm isotropic, int16 HU, cut to the head with a margin; its affine tells exactly where that is.

    Raises:
        WorkbenchError: nothing but air.
    """
    spacing = np.array(scan.spacing)
    stride = np.maximum(1, np.round(3 / spacing)).astype(int)
    coarse = scan.voxels[:: stride[0], :: stride[1], :: stride[2]]
    body = ndimage.binary_opening(coarse > -250, iterations=2 if min(coarse.shape) > 12 else 1)
    pieces, count = ndimage.label(body)
    if not count:
        raise WorkbenchError(f"{name} shows no head: it is nearly all air.", "Check the series, and its rescale to HU.")
    largest = int(np.bincount(pieces.ravel())[1:].argmax())
    box = ndimage.find_objects(pieces)[largest]
    margin = np.ceil(_MARGIN_MM / spacing).astype(int) + 2 * stride
    start = np.maximum([s.start for s in box] * stride - margin, 0)
    stop = np.minimum([s.stop for s in box] * stride + margin, scan.voxels.shape)
    cut = scan.cropped(start.tolist(), stop.tolist())
    voxels = np.clip(cut.voxels, _AIR_HU, 32000).astype(np.float32)  # as integers, resampling would truncate
    sigma = [0.35 / s if s < 0.4 else 0.0 for s in spacing]
    if any(sigma):
        voxels = ndimage.gaussian_filter(voxels, sigma)
    grid: Grid = cut.grid.isotropic(1.0)
    image = resample(Volume(voxels, cut.affine), grid, "linear", fill=_AIR_HU)
    return Volume(np.rint(image.voxels).astype(np.int16), grid.affine)


def equalize(hu: NDArray, brain: NDArray[np.bool_], settings: Equalization = EQUALIZATION) -> NDArray[np.uint8]:
    """Adaptive histogram equalization (Stark, IEEE Trans. Image Process. 2000) of the brain within the brain window.

    The picture of SimpleITK's AdaptiveHistogramEqualization, several times faster: a voxel becomes the mean over its
    window of f(u, v) = q(u − v, α) − β q(u − v, 1) + β u, where q(d, a) = sign(d) |2d|ᵃ / 2, u is its own grey level
    and v those around it (−½ to ½). For one u that is a box filter; it is done for every fourth HU, on every second
    voxel, and interpolated. Only the brain counts, so that its surface gets no bright rim.

    Args:
        hu: HU at 1 mm, axes (x, y, z).
        brain: where the brain is.
        settings: window and strength.

    Returns:
        uint8, 1 to 255 inside the brain, 0 outside.
    """
    low, high = (int(bound) for bound in BRAIN_WINDOW)
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    inside = brain[box]
    level = np.clip(np.rint(hu[box]), low, high).astype(np.intp) - low
    grey = np.arange(high - low + 1) / (high - low) - 0.5
    counted = np.maximum(_window_mean(inside.astype(np.float32), settings.radius_mm), 1e-6)
    steps = np.arange(0, high - low + 1, _LEVEL_HU)
    mapped = np.empty((len(steps), *counted.shape), dtype=np.float32)
    for row, step in enumerate(steps):
        apart = grey[step] - grey
        rank = 0.5 * np.sign(apart) * (np.abs(2 * apart) ** settings.alpha - settings.beta * np.abs(2 * apart))
        value = (rank + settings.beta * grey[step]).astype(np.float32)
        mapped[row] = _window_mean(value[level] * inside, settings.radius_mm) / counted
    at = np.nonzero(inside)
    where = np.stack([level[at] / _LEVEL_HU, *(axis / _STRIDE for axis in at)]).astype(np.float32)
    flat = ndimage.map_coordinates(mapped, where, order=1, mode="nearest") + 0.5
    equalized = np.zeros(hu.shape, dtype=np.uint8)
    equalized[box][at] = 1 + np.rint(254 * np.clip(flat, 0, 1))
    return equalized


def _window_mean(image: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over a cube of 2 `radius` + 1 voxels, 0 beyond the edge, at every second voxel along each axis."""
    for axis in range(3):
        image = ndimage.uniform_filter1d(image, 2 * radius + 1, axis=axis, mode="constant")
        image = image[(slice(None),) * axis + (slice(None, None, _STRIDE),)]
    return image


def cut_off_fraction(image: Volume) -> float:
    """Section of the head at the upper end of a 1-mm image, RAS, as a part of its largest; 0 for a whole vertex."""
    section = (image.voxels > _BODY_HU).sum(axis=(0, 1))
    return float(section[-4:].max() / max(1, section.max()))


def _warnings(scan: Volume, image: Volume, masks: HeadMasks, cm3: float) -> tuple[str, ...]:
    """What limits the trust in the masks."""
    found: list[str] = []
    brain, open_fraction = masks.brain, masks.open_fraction
    if max(scan.spacing) > 3.0:
        found.append(f"Slices are {max(scan.spacing):.1f} mm apart: borders between them are interpolated.")
    cut = cut_off_fraction(image)
    if cut > _CUT_OFF or brain[:, :, -1].any() or brain[:, :, -3:].sum() > 200:
        found.append(f"The scan ends at {cut:.0%} of the head's largest section: the vertex may be cut off.")
    metal = float((image.voxels[ndimage.find_objects(brain.astype(np.uint8))[0]] >= _METAL_HU).sum() / 1000)
    if metal > _METAL_CM3:
        found.append(f"Metal lies in or at the brain ({metal:.1f} cm³ above {_METAL_HU} HU): HU around it are wrong.")
    if not 500 < cm3 < 1900:
        found.append(f"The inside of the skull measures {cm3:.0f} cm³, which is unusual.")
    if open_fraction > 0.35:
        found.append(f"{open_fraction:.0%} of the brain's surroundings are not bone: look at the mask.")
    return tuple(found)

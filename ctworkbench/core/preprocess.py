"""Preprocessing of a head CT: one grid, skull and brain masks from HU, and the equalized network input.

The order is the rule: masks are made from HU, then the brain is equalized for the network. Nothing is ever measured on
the equalized image.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from ctworkbench.core.brain_mask import BRAIN_WINDOW, HeadMasks, head_masks
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.volume import Grid, Volume, read_nifti, resample, write_nifti

_MARGIN_MM = 6.0
_AIR_HU = -1024
_BODY_HU = -250
_METAL_HU, _METAL_CM3 = 3000, 0.1
_CUT_OFF = 0.15  # of the largest section: the scalp over the vertex alone has less
_CLAHE_KERNEL_MM = 32
_CLAHE_CLIP = 0.01


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
        brain: uint8 mask of the inside of the skull, down to the foramen magnum.
        skull: uint8 mask of the bone of the head.
        equalized: uint8 network input: brain window, contrast-limited adaptive equalization, 0 outside the brain.
        brain_cm3: volume of the brain mask.
        warnings: what a reader should know before trusting the masks.
    """

    model_config = ConfigDict(frozen=True)

    image: Path
    brain: Path
    skull: Path
    equalized: Path
    brain_cm3: float
    warnings: tuple[str, ...] = ()


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
    cm3 = float(masks.brain.sum() * image.grid.voxel_volume_mm3 / 1000)
    return PreprocessResult(**paths, brain_cm3=cm3, warnings=_warnings(scan, image, masks, cm3))


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


def equalize(hu: NDArray, brain: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Contrast-limited adaptive histogram equalization (Zuiderveld 1994) of the brain within the brain window.

    Args:
        hu: HU at 1 mm, axes (x, y, z).
        brain: where the brain is.

    Returns:
        uint8, 1 to 255 inside the brain, 0 outside.
    """
    from skimage.exposure import equalize_adapthist

    low, high = BRAIN_WINDOW
    equalized = np.zeros(hu.shape, dtype=np.uint8)
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    inside = brain[box]
    window = (np.clip(hu[box], low, high).astype(np.float32) - low) / (high - low)
    window[~inside] = 0
    flat = equalize_adapthist(window, kernel_size=_CLAHE_KERNEL_MM, clip_limit=_CLAHE_CLIP, nbins=160)
    equalized[box] = np.where(inside, 1 + np.rint(254 * np.clip(flat, 0, 1)), 0).astype(np.uint8)
    return equalized


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

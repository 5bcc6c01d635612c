"""A NIfTI file judged as a head CT in HU, or refused with the reason."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.dicom_geometry import unsheared
from ctworkbench.core.dicom_pixels import LOWEST_HU, padding_note
from ctworkbench.core.dicom_series import MAX_THICKNESS_MM, MIN_COVERAGE_MM, THICK_MM
from ctworkbench.core.errors import ImportRefused
from ctworkbench.core.volume import Volume, is_sheared, read_nifti

_LABEL_ENDINGS = ("_truth", "_labels", "_label", "_seg", "_mask", "_lobes")
_AIR_HU, _BONE_HU = -200, 200
_MIN_AIR_PART = 1e-4
_FLAT_PART = 0.7
_MAX_CODES = 250


@dataclass(frozen=True, eq=False)
class ReadNifti:
    """A NIfTI scan: HU on a straight grid, a UID from its content, and what was done or doubted."""

    volume: Volume
    uid: str
    corrections: tuple[str, ...]
    warnings: tuple[str, ...]
    protocol: dict[str, str | float]


def stem(path: Path) -> str:
    """The file's name without `.nii` or `.nii.gz`."""
    return path.name[: path.name.lower().rindex(".nii")]


def subject_of(path: Path) -> str:
    """The subject that a file is named after: its name up to `_image`, or up to the extension."""
    return stem(path).split("_image")[0] or stem(path)


def is_named_as_labels(path: Path) -> bool:
    """Whether a file is named as a label map is, such as `P001_truth.nii.gz`."""
    return stem(path).lower().endswith(_LABEL_ENDINGS)


def read_scan(path: Path) -> ReadNifti:
    """Read a NIfTI file and check that it can be a head CT in HU.

    Raises:
        VolumeError: unreadable, not 3D, without a spatial transform.
        ImportRefused: a label map, not HU, too small for a head, too thick.
    """
    volume = read_nifti(path)
    _check_values(volume)
    uid = content_uid(volume)
    corrections: list[str] = []
    if is_sheared(volume.affine):
        volume, corrections = unsheared(volume, LOWEST_HU)
    extents = np.array(volume.voxels.shape) * np.array(volume.spacing)
    if extents.min() < MIN_COVERAGE_MM:
        raise ImportRefused(
            f"it is not a head volume: it covers {' × '.join(f'{e:.0f}' for e in extents)} mm; "
            f"at least {MIN_COVERAGE_MM:.0f} mm are needed each way.",
            "Choose an image that covers the whole head.",
        )
    thickest = max(volume.spacing)
    if thickest > MAX_THICKNESS_MM:
        raise ImportRefused(
            f"its slices are {thickest:.1f} mm apart; regional volumes need {MAX_THICKNESS_MM:.0f} mm or less.",
            "Choose a thinner reconstruction.",
        )
    warnings = ["imported from NIfTI: gantry tilt and slice spacing are taken as its converter left them"]
    if thickest >= THICK_MM:
        warnings.append(f"slices {thickest:.1f} mm apart: volumes of small regions are less precise")
    sizes = zip(("x_mm", "y_mm", "z_mm"), volume.spacing, strict=True)
    protocol: dict[str, str | float] = {"format": "NIfTI", **{name: round(size, 4) for name, size in sizes}}
    low = int(np.count_nonzero(volume.voxels < LOWEST_HU))
    if low:
        volume = Volume(np.maximum(volume.voxels, LOWEST_HU), volume.affine)
        protocol["padding"] = padding_note(low)
    return ReadNifti(volume, uid, tuple(corrections), tuple(warnings), protocol)


def content_uid(volume: Volume) -> str:
    """A UID from voxels and affine (2.25 and 128 bits of their SHA-256): the same content has the same UID anywhere."""
    digest = hashlib.sha256(repr((volume.voxels.shape, volume.voxels.dtype.str)).encode())
    digest.update(np.round(volume.affine, 5).tobytes())
    digest.update(np.ascontiguousarray(volume.voxels.T).data)
    return f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}"


def _check_values(volume: Volume) -> None:
    """Refuse values that are not those of a whole head in HU: air around it, bone in it."""
    voxels = volume.voxels
    if voxels.dtype.kind not in "iuf":
        raise ImportRefused(f"its voxels are of the type {voxels.dtype}, not HU.", "Give grey values in HU.")
    lowest, highest = float(voxels.min()), float(voxels.max())
    if lowest >= 0:
        if lowest == 0 and _is_flat(voxels) and len(np.unique(voxels)) <= _MAX_CODES:
            raise ImportRefused(
                f"it looks like a label map ({lowest:g} to {highest:g}), not HU.", "Import the CT image it belongs to."
            )
        hint = (
            "1024 is perhaps still to be subtracted, or the brain was cut out" if highest > 1024 else "it may not be CT"
        )
        raise ImportRefused(
            f"its values run from {lowest:g} to {highest:g}: without air (−1000 HU) they are "
            f"not HU of a whole head ({hint}).",
            "Convert it again from DICOM with rescaling to HU, without skull stripping.",
        )
    air = float(np.count_nonzero(voxels < _AIR_HU)) / voxels.size
    if air < _MIN_AIR_PART or highest < _BONE_HU:
        what = "air (below −200 HU)" if air < _MIN_AIR_PART else "bone (above 200 HU)"
        raise ImportRefused(
            f"its values run from {lowest:g} to {highest:g} and hold no {what}: not HU of a whole head.",
            "Convert it again from DICOM with rescaling to HU, without skull stripping.",
        )


def _is_flat(voxels: NDArray[Any]) -> bool:
    """Whether most voxels that are not 0 are equal to the next along an axis: regions of one code, without noise."""
    filled = voxels[:-1] != 0
    return not filled.any() or float((voxels[1:] == voxels[:-1])[filled].mean()) > _FLAT_PART

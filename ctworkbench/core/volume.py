"""A 3D image with its place in the patient: array + affine; read, write, resample, orientation.

One convention holds in the whole program, that of NIfTI: `voxels` has the axes (x, y, z), and `affine` maps voxel
indices to world millimetres in RAS+, where x grows to the patient's right, y to the anterior, z to the superior.
Libraries that speak LPS (DICOM, SimpleITK, ANTs) are met at their border only.
"""

import math
import os
import uuid
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import nibabel as nib
import numpy as np
from isal import igzip, igzip_lib
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError

if TYPE_CHECKING:
    import SimpleITK as sitk

Affine = NDArray[np.float64]
Interpolation = Literal["linear", "nearest", "bspline"]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MAX_SHEAR = 1e-3
_NIFTI_2 = ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))
_CHUNK = 1 << 20
_MOST_UNPACKED = 1032
"""Times its size that a packed file can hold: what deflate does at its best."""
_DAMAGED = (
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    OverflowError,
    zlib.error,
    cast("type[Exception]", igzip_lib.IsalError),  # what its stub says is an instance
)
"""What the readers raise over a file that is not whole."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid in the patient, without values.

    Attributes:
        shape: number of voxels along (x, y, z).
        affine: 4×4, voxel index → RAS+ mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Length of a voxel along each array axis, in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm³: the absolute determinant of the affine."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def axcodes(self) -> str:
        """Direction in which each array axis runs, such as "RAS" or "LPS"."""
        return "".join(nib.orientations.aff2axcodes(self.affine))

    def matches(self, other: "Grid", tolerance_mm: float = 1e-2) -> bool:
        """Whether both grids put every voxel at the same place, corners compared to `tolerance_mm`."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1)
        corners = np.vstack([corners, np.ones(8)])
        return bool(np.abs((self.affine - other.affine) @ corners).max() <= tolerance_mm)

    def isotropic(self, spacing_mm: float) -> "Grid":
        """The grid of cubic voxels that covers the same box, its first corner kept."""
        old = np.array(self.spacing)
        shape = np.maximum(1, np.round(np.array(self.shape) * old / spacing_mm)).astype(int)
        linear = self.affine[:3, :3] / old * spacing_mm
        corner = self.affine @ np.array([-0.5, -0.5, -0.5, 1.0])
        affine = np.eye(4)
        affine[:3, :3] = linear
        affine[:3, 3] = corner[:3] + linear @ np.array([0.5, 0.5, 0.5])
        return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels with their place in the patient.

    Attributes:
        voxels: array with axes (x, y, z); HU for CT images, region codes for label maps.
        affine: 4×4 float64, voxel index → RAS+ mm.
    """

    voxels: NDArray
    affine: Affine

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise VolumeError(f"An image of {self.voxels.ndim} dimensions was given where 3 are needed.")
        affine = np.asarray(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise VolumeError("The image has no usable spatial transform.", "Export it again with its geometry.")
        object.__setattr__(self, "affine", affine)

    @property
    def grid(self) -> Grid:
        """The grid that the voxels stand on."""
        shape = self.voxels.shape
        return Grid((shape[0], shape[1], shape[2]), self.affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Length of a voxel along each array axis, in mm."""
        return self.grid.spacing

    def oriented(self, axcodes: str = "RAS") -> "Volume":
        """The same voxels, axes permuted and flipped to lie closest to `axcodes`; nothing is resampled."""
        if self.grid.axcodes == axcodes:
            return self
        change = ornt_transform(io_orientation(self.affine), axcodes2ornt(tuple(axcodes)))
        voxels = np.asfortranarray(apply_orientation(self.voxels, change))
        return Volume(voxels, self.affine @ inv_ornt_aff(change, self.voxels.shape))

    def cropped(self, start: Sequence[int], stop: Sequence[int]) -> "Volume":
        """The box of voxels from `start` up to, not including, `stop`, at its own place."""
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        affine = self.affine.copy()
        affine[:3, 3] += self.affine[:3, :3] @ np.asarray(start, dtype=float)
        return Volume(self.voxels[box], affine)


class ReadingGivenUp(Exception):  # noqa: N818 - nothing went wrong
    """What was being read is no longer wanted."""


def read_nifti(path: Path, given_up: Callable[[], bool] | None = None) -> Volume:
    """Read a NIfTI file as it stands (no reorientation), scaling applied, int16 kept where the file is unscaled.

    Args:
        path: `.nii` or `.nii.gz`.
        given_up: asked after each megabyte of a compressed file, from the thread that reads.

    Raises:
        ReadingGivenUp: `given_up` said that the image is no longer wanted.
        VolumeError: unreadable, not 3D, or without a spatial transform (sform and qform codes both 0).
    """
    try:
        image, voxels = _load(path, given_up)
        if not isinstance(image, nib.Nifti1Image):
            raise VolumeError(f"{path.name} is not a NIfTI file.", "Give .nii or .nii.gz files.")
        header = image.header
        if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
            raise VolumeError(
                f"{path.name} has no spatial transform: left and right cannot be told.",
                "Convert it again from DICOM, keeping the sform or qform.",
            )
        units = header.get_xyzt_units()[0]
        if units not in ("mm", "unknown"):
            raise VolumeError(f"{path.name} states its geometry in {units}, not in mm.", "Convert it to mm.")
        if voxels is None:
            voxels = np.asanyarray(image.dataobj)
    except _DAMAGED as error:
        raise VolumeError(f"{path.name} cannot be read: {error}", "Check that the file is whole.") from error
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise VolumeError(f"{path.name} has the shape {voxels.shape}; one 3D image is needed.", "Split it first.")
    scaling = (getattr(image.dataobj, "slope", 1.0), getattr(image.dataobj, "inter", 0.0))
    if scaling != (1.0, 0.0):  # not asked of the header: nibabel clears its two fields on loading
        rounded = np.rint(voxels)
        if np.abs(voxels - rounded).max(initial=0) < 1e-3 and np.abs(rounded).max(initial=0) < 32767:
            voxels = rounded.astype(np.int16)
    if voxels.dtype.kind not in "iu" and not np.isfinite(voxels).all():
        raise VolumeError(f"{path.name} holds values that are not numbers (NaN or infinite).", "Convert it again.")
    affine = np.asarray(image.affine, dtype=np.float64)
    return Volume(np.asfortranarray(voxels), affine)


def read_grid(path: Path) -> Grid:
    """The grid of a NIfTI file, its voxels left unread.

    Raises:
        VolumeError: unreadable or not 3D.
    """
    try:
        image = nib.load(path)
    except _DAMAGED as error:
        raise VolumeError(f"{path.name} cannot be read: {error}", "Check that the file is whole.") from error
    if not isinstance(image, nib.Nifti1Image) or len(image.shape) != 3:
        raise VolumeError(f"{path.name} is not a 3D NIfTI file.")
    shape = image.shape
    return Grid((shape[0], shape[1], shape[2]), np.asarray(image.affine, dtype=np.float64))


def _load(path: Path, given_up: Callable[[], bool] | None) -> tuple[object, NDArray | None]:
    """An image of any kind that nibabel knows; its voxels too where they were read already.

    A compressed file is unpacked to its end: only there does its checksum tell whether the voxels are what they were,
    and nibabel alone would stop before it. Unscaled voxels stay in the memory that they were unpacked into.
    """
    if not path.name.lower().endswith(".nii.gz"):
        return nib.load(path), None
    content = _unpacked(path, given_up)
    kind = nib.Nifti2Image if content[:4].tobytes() in _NIFTI_2 else nib.Nifti1Image
    size = kind.header_class.template_dtype.itemsize
    start = kind.header_class(content[:size].tobytes(), check=False).get_data_offset()
    image = kind.from_bytes(content[: max(start, size + 4)].tobytes())
    proxy = image.dataobj
    if not isinstance(proxy, ArrayProxy) or (proxy.slope, proxy.inter) != (1.0, 0.0):
        return kind.from_bytes(content.tobytes()), None
    wanted = proxy.offset + math.prod(proxy.shape) * proxy.dtype.itemsize
    if content.size < wanted:
        raise EOFError(f"it holds {content.size} bytes of {wanted}")
    return image, np.ndarray(proxy.shape, proxy.dtype, content.data, proxy.offset, order="F")


def _unpacked(path: Path, given_up: Callable[[], bool] | None) -> NDArray[np.uint8]:
    """What a gzip file holds, its checksum verified; it lets go of Python's lock."""
    with path.open("rb") as file:
        packed = file.seek(0, os.SEEK_END)
        file.seek(max(0, packed - 4))
        # The size that it tells at its end is a hint, from which a damaged file must not take all memory.
        told = min(int.from_bytes(file.read(4), "little"), _MOST_UNPACKED * packed)
        file.seek(0)
        content, filled = np.empty(told, np.uint8), 0
        with igzip.IGzipFile(fileobj=file) as stream:
            while filled < told and (got := stream.readinto(content[filled : filled + _CHUNK].data)):
                filled += got
                if given_up is not None and given_up():
                    raise ReadingGivenUp
            rest = stream.read()
    if rest:
        return np.concatenate([content[:filled], np.frombuffer(rest, np.uint8)])
    return content[:filled]


def write_nifti(volume: Volume, path: Path) -> None:
    """Write `.nii` or `.nii.gz`, uncompressed bytes deterministic, sform and qform set where a qform can hold it.

    The file is wholly there under its name, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    content = nifti_bytes(volume, compressed=path.name.endswith(".gz"))
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.part")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def nifti_bytes(volume: Volume, compressed: bool) -> bytes:
    """The file that `write_nifti` writes. Booleans become uint8."""
    voxels = volume.voxels.astype(np.uint8) if volume.voxels.dtype == bool else volume.voxels
    image = nib.Nifti1Image(voxels, volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=1)
    if not is_sheared(volume.affine):
        image.set_qform(volume.affine, code=1)
    content = image.to_bytes()
    return igzip.compress(content, compresslevel=1, mtime=0) if compressed else content


def is_sheared(affine: Affine) -> bool:
    """Whether the grid axes are not at right angles, which SimpleITK and ANTs cannot represent."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(directions.T @ directions - np.eye(3)).max() > _MAX_SHEAR)


def to_sitk(volume: Volume) -> "sitk.Image":
    """The volume as a SimpleITK image (LPS); a copy.

    Raises:
        VolumeError: the grid is sheared.
    """
    import SimpleITK as sitk

    voxels = volume.voxels.astype(np.uint8) if volume.voxels.dtype == bool else volume.voxels
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    _place(image, volume.grid)
    return image


def from_sitk(image: "sitk.Image") -> Volume:
    """A SimpleITK image (LPS) as a volume (RAS+)."""
    import SimpleITK as sitk

    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image).transpose(2, 1, 0), _LPS_FROM_RAS @ affine)


def resample(volume: Volume, grid: Grid, interpolation: Interpolation = "linear", fill: float = 0.0) -> Volume:
    """The volume's values on another grid in the same patient space, dtype kept; `fill` outside.

    Whole numbers are interpolated as float32 and rounded to the nearest. Nothing is smoothed first: shrinking a fine
    image to a coarse grid is the caller's to prepare.
    """
    import SimpleITK as sitk

    kind = volume.voxels.dtype
    if kind.kind in "iu" and interpolation != "nearest":  # SimpleITK would cut the fraction off: half a HU too low
        fine = resample(Volume(volume.voxels.astype(np.float32), volume.affine), grid, interpolation, fill)
        limits = np.iinfo(kind)
        return Volume(np.clip(np.rint(fine.voxels), limits.min, limits.max).astype(kind), grid.affine)
    method = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor, "bspline": sitk.sitkBSpline}
    image = to_sitk(volume)
    reference = sitk.Image([1, 1, 1], image.GetPixelID())
    _place(reference, grid)
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize([int(n) for n in grid.shape])
    filter_.SetOutputSpacing(reference.GetSpacing())
    filter_.SetOutputOrigin(reference.GetOrigin())
    filter_.SetOutputDirection(reference.GetDirection())
    filter_.SetInterpolator(method[interpolation])
    filter_.SetDefaultPixelValue(float(fill))
    resampled = from_sitk(filter_.Execute(image))
    return Volume(resampled.voxels, grid.affine)


def _place(image: "sitk.Image", grid: Grid) -> None:
    """Give a SimpleITK image the geometry of `grid`."""
    if is_sheared(grid.affine):
        raise VolumeError(
            "The image's axes are not at right angles (gantry tilt left uncorrected).", "Import it again."
        )
    lps = _LPS_FROM_RAS @ grid.affine
    spacing = np.array(grid.spacing)
    image.SetSpacing([float(s) for s in spacing])
    image.SetOrigin([float(o) for o in lps[:3, 3]])
    u, _, vt = np.linalg.svd(lps[:3, :3] / spacing)
    image.SetDirection([float(d) for d in (u @ vt).ravel()])

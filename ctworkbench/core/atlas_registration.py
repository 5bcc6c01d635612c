"""The two steps of ANTs by which a template is laid on a scan (Avants et al. 2008): an affine transform, then SyN."""

import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.alignment import Brain
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.volume import Affine, Volume, write_nifti

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_AFFINE_MM, _GRID_MM = 4, 2


def affine_transform(fixed: Brain, moving: Brain, pose: Affine, folder: Path, seed: int) -> Affine:
    """The affine transform from world of `fixed` to world of `moving`, found at 4 mm; it is left in `folder` as well.

    Args:
        fixed: the scan.
        moving: the template.
        pose: 4×4, first guess of the transform.
        folder: for the files of ANTs.
        seed: of the metric's sampling.

    Raises:
        WorkbenchError: the registration failed.
    """
    import SimpleITK as sitk

    _write_channels(fixed, folder, "fixed4", _AFFINE_MM)
    _write_channels(moving, folder, "moving4", _AFFINE_MM)
    lps = _LPS_FROM_RAS @ pose @ _LPS_FROM_RAS
    transform = sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())
    sitk.WriteTransform(transform, str(folder / "pose.mat"))
    pair = shlex.quote(f"{folder / 'fixed4.nii'},{folder / 'moving4.nii'}")
    _ants(
        f"--initial-moving-transform {shlex.quote(str(folder / 'pose.mat'))} --metric MI[{pair},1,32,Regular,0.5]"
        " --transform Affine[0.1] --convergence [100x50,1e-6,8] --shrink-factors 2x1 --smoothing-sigmas 1x0",
        folder / "affine",
        seed,
    )
    found = sitk.AffineTransform(sitk.ReadTransform(str(folder / "affine0GenericAffine.mat")))
    matrix, centre = np.array(found.GetMatrix()).reshape(3, 3), np.array(found.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = matrix
    lps[:3, 3] = np.array(found.GetTranslation()) + centre - matrix @ centre
    return _LPS_FROM_RAS @ lps @ _LPS_FROM_RAS


def deformation(fixed: Brain, moving: Brain, folder: Path, seed: int) -> tuple[NDArray[np.float32], Affine]:
    """The deformation on 2 mm that goes before the affine transform which `affine_transform` left in `folder`.

    HU are compared by mutual information, the hulls by mean squares.

    Args:
        fixed: the scan.
        moving: the template.
        folder: that of the affine transform.
        seed: of the metric's sampling.

    Returns:
        displacement in mm RAS (x, y, z, 3), and the affine of the grid over `fixed` that it stands on.

    Raises:
        WorkbenchError: the registration failed.
    """
    import nibabel as nib

    _write_channels(fixed, folder, "fixed", _GRID_MM)
    _write_channels(moving, folder, "moving", _GRID_MM)
    pair = shlex.quote(f"{folder / 'fixed.nii'},{folder / 'moving.nii'}")
    masks = shlex.quote(f"{folder / 'fixedm.nii'},{folder / 'movingm.nii'}")
    _ants(
        f"--initial-moving-transform {shlex.quote(str(folder / 'affine0GenericAffine.mat'))}"
        f" --metric MI[{pair},1,32] --metric MeanSquares[{masks},0.5,0]"
        " --transform SyN[0.2,3,0] --convergence [40x20x0,1e-6,8]"
        " --shrink-factors 4x2x1 --smoothing-sigmas 2x1x0",
        folder / "warp",
        seed,
    )
    image = nib.Nifti1Image.from_filename(folder / "warp1Warp.nii.gz")
    field = np.asarray(image.dataobj, dtype=np.float32).reshape(*image.shape[:3], 3)
    return field * np.array([-1, -1, 1], np.float32), np.asarray(image.affine, dtype=np.float64)


def _write_channels(brain: Brain, folder: Path, name: str, step: int) -> None:
    """Image and mask averaged to `step` mm, uncompressed."""
    for volume, ending in ((brain.image, ""), (brain.mask, "m")):
        voxels = volume.voxels.astype(np.float32)
        pad = [(2 * step, 2 * step + -n % step) for n in voxels.shape]
        voxels = np.pad(voxels, pad)
        x, y, z = (n // step for n in voxels.shape)
        voxels = voxels.reshape(x, step, y, step, z, step).mean((1, 3, 5))
        if ending == "m":
            voxels = ndimage.gaussian_filter(voxels, 1.0 * 2 / step) * 40
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.full(3, (step - 1) / 2 - 2 * step)
        affine[:3, :3] *= step
        write_nifti(Volume(voxels, affine), folder / f"{name}{ending}.nii")


def _ants(arguments: str, prefix: Path, seed: int) -> None:
    """Run antsRegistration in this process: float, 3D, no guess of its own; `prefix` begins the names of its files.

    Raises:
        WorkbenchError: it failed, or wrote nothing.
    """
    import ants

    fixed = f"--dimensionality 3 --float 1 --random-seed {seed} -u 0 -z 1"
    command = shlex.split(f"{fixed} {arguments}")
    try:
        ants.registration([*command, "--output", f"[{prefix}]"], None)
    except RuntimeError as error:
        raise WorkbenchError(f"The registration failed: {error}", "Look at the brain mask of the scan.") from error
    if not any(prefix.parent.glob(f"{prefix.name}*")):
        raise WorkbenchError("The registration gave no result.", "Look at the brain mask of the scan.")

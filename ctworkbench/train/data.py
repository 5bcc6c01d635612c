"""From scans and label maps to what the network sees: one brain-sized grid per scan, values scaled in the brain.

The network's grid lies along the array axes of the equalized image (closest to RAS), around the box of the brain mask.
Arrays prepared once are kept in the job's folder, so a training that goes on after a stop does not prepare again.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from ctworkbench.core.brain_mask import BRAIN_WINDOW
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_bytes
from ctworkbench.core.label_maps import resample_labels
from ctworkbench.core.splits import Role, folds
from ctworkbench.core.training import TrainCase
from ctworkbench.core.volume import Grid, Volume, read_nifti, resample
from ctworkbench.train.preset import Preset

_CLIP = 3.0
_ROUND_TO = 4


@dataclass(frozen=True, eq=False)
class NetworkImage:
    """A scan as the network sees it.

    Attributes:
        image: float32 (x, y, z); 0 outside the brain, about 0 to 2 with mean 1 inside.
        grid: the network's grid in the patient.
        box_mm: size of the brain's box along the array axes, centred on the grid.
    """

    image: NDArray[np.float32]
    grid: Grid
    box_mm: tuple[float, float, float]

    def tensor(self) -> Tensor:
        """The image as float32 (1, x, y, z)."""
        return torch.from_numpy(self.image)[None]

    def coordinates(self, shape: Sequence[int]) -> Tensor:
        """Place within the brain's box on a grid of `shape` with the same centre, float32 (3, x, y, z).

        −1 to 1 from face to face along each axis.
        """
        axes = [
            torch.arange(n, dtype=torch.float32).sub((n - 1) / 2).mul(2 * spacing / size)
            for n, spacing, size in zip(shape, self.grid.spacing, self.box_mm, strict=True)
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"))


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training case, ready for the network; `target` is uint8 class numbers (scheme order + 1), 0 for none."""

    case: TrainCase
    view: NetworkImage
    target: NDArray[np.uint8]


def network_image(image: Volume, brain: Volume, settings: Preset, name: str) -> NetworkImage:
    """The scan on the network's grid, low-passed before it is made coarser, scaled by mean and deviation in the brain.

    Args:
        image: what `settings.sees`: equalized, any value range, or HU, which are cut to the brain window.
        brain: mask on the same grid.
        settings: for the side of the network's voxels and the room around the brain's box.
        name: what to call the scan in an error.

    Raises:
        WorkbenchError: mask empty, on another grid, or an image without contrast.
    """
    inside, spacing_mm = brain.voxels > 0, settings.spacing_mm
    if not brain.grid.matches(image.grid):
        raise WorkbenchError(f"{name}: image and brain mask lie on different grids.", "Preprocess the scan again.")
    if not inside.any():
        raise WorkbenchError(f"{name}: the brain mask is empty.", "Preprocess the scan again, or leave it out.")
    seen = image.voxels.astype(np.float32)
    if settings.sees == "hu":
        seen = np.clip(seen, *BRAIN_WINDOW)
    values = seen[inside].astype(np.float64)
    mean, deviation = float(values.mean()), float(values.std())
    if not np.isfinite(deviation) or deviation < 1e-6 * max(1.0, abs(mean)):
        raise WorkbenchError(f"{name}: the image is uniform inside the brain.", "Check the scan, or leave it out.")
    grid, box_mm = network_grid(brain, spacing_mm, settings.margin_mm)
    scaled = np.clip((seen - mean) / deviation, -_CLIP, _CLIP) / _CLIP + 1
    scaled[~inside] = 0
    blur = [0.4 * spacing_mm / own if spacing_mm > 1.2 * own else 0.0 for own in image.spacing]
    smooth = gaussian_filter(scaled, blur, truncate=2.5, mode="constant") if any(blur) else scaled
    coarse = resample(Volume(smooth, image.affine), grid, "linear").voxels
    return NetworkImage(np.ascontiguousarray(coarse, dtype=np.float32), grid, box_mm)


def network_grid(brain: Volume, spacing_mm: float, margin_mm: float) -> tuple[Grid, tuple[float, float, float]]:
    """Cubic voxels along the mask's array axes around the brain, and the size of the brain's box in mm.

    Both have one centre; the number of voxels is rounded up to a multiple of four.
    """
    found = [np.flatnonzero(brain.voxels.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    first = np.array([float(index[0]) for index in found])
    last = np.array([float(index[-1]) for index in found])
    own = np.array(brain.spacing)
    size = (last - first + 1) * own
    shape = np.ceil((size + 2 * margin_mm) / spacing_mm / _ROUND_TO).astype(int) * _ROUND_TO
    affine = np.eye(4)
    affine[:3, :3] = brain.affine[:3, :3] / own * spacing_mm
    centre = brain.affine[:3, :3] @ ((first + last) / 2) + brain.affine[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine), (float(size[0]), float(size[1]), float(size[2]))


def network_input(images: Sequence[Tensor], views: Sequence[NetworkImage], coordinates: bool) -> Tensor:
    """What the network is given, (n, 1 or 4, x, y, z): (changed) images, and the unchanged coordinates.

    Brains of several sizes are padded about their centres to the largest.
    """
    shape = tuple(max(image.shape[axis] for image in images) for axis in (1, 2, 3))
    stacked = torch.stack([padded(image, shape) for image in images])
    if coordinates:
        places = torch.stack([view.coordinates(shape) for view in views])
        stacked = torch.cat([stacked, places.to(stacked)], 1)
    return stacked


def padded(values: Tensor, shape: Sequence[int]) -> Tensor:
    """`values` (…, x, y, z) with zeros around to fill `shape`, centre kept: sizes are multiples of four."""
    room = [(wanted - own) // 2 for wanted, own in zip(shape, values.shape[-3:], strict=True)]
    return functional.pad(values, [n for side in reversed(room) for n in (side, side)]) if any(room) else values


def prepare(case: TrainCase, folder: Path, settings: Preset, codes: Sequence[int]) -> Prepared:
    """Bring a case to the network's grid, or take it from `folder` where that was done before.

    Raises:
        WorkbenchError: a file is missing or unusable, or the label map holds none of the codes in the image.
    """
    names = "|".join(path.name for path in (case.image, case.brain, case.labels))  # of files named by their content
    key = hashlib.sha256(f"{names}|{settings.spacing_mm}|{settings.margin_mm}|{settings.sees}|{codes}".encode())
    path = folder / f"{key.hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            shape = kept["image"].shape
            grid = Grid((shape[0], shape[1], shape[2]), kept["affine"])
            box = kept["box_mm"]
            view = NetworkImage(kept["image"], grid, (float(box[0]), float(box[1]), float(box[2])))
            return Prepared(case, view, kept["target"])
    for file in (case.image, case.brain, case.labels):
        if not file.exists():
            raise WorkbenchError(f"{case.subject}: {file.name} is missing.", "Preprocess the scan again.")
    image, brain = read_nifti(case.image), read_nifti(case.brain)
    view = network_image(image, brain, settings, case.subject)
    labels = read_nifti(case.labels)
    carried = resample_labels(Volume(labels.voxels.astype(np.uint8), labels.affine), view.grid, codes).voxels
    target = class_table(codes)[carried]
    if not target.any():
        raise WorkbenchError(
            f"{case.subject}: the label map {case.labels.name} holds no region of the scheme within the brain.",
            "Check that image and labels belong to one scan, or withdraw the label map.",
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, image=view.image, target=target, affine=view.grid.affine, box_mm=np.array(view.box_mm))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())
    return Prepared(case, view, target)


def class_table(codes: Sequence[int]) -> NDArray[np.uint8]:
    """uint8 lookup table from region code to class number: place in the scheme + 1, 0 for what is no region."""
    table = np.zeros(256, dtype=np.uint8)
    table[list(codes)] = np.arange(1, len(codes) + 1)
    return table


def roles(cases: Sequence[TrainCase], fold: int | None, count: int, seed: int) -> list[Role]:
    """The role of each case: as stored, or, in fold `fold` of `count`, dealt anew among all but the test subjects.

    Raises:
        WorkbenchError: a subject in two roles, no such fold, or too few cases to train and to validate.
    """
    given: dict[str, Role] = {case.subject: case.role for case in cases}
    for case in cases:
        if given[case.subject] != case.role:
            raise WorkbenchError(
                f"Subject {case.subject} is both in {given[case.subject]} and in {case.role}: that leaks.",
                "Give all scans of a subject one role.",
            )
    if fold is not None:
        if not 0 <= fold < count:
            raise WorkbenchError(f"There is no fold {fold}: the preset has {count}.", f"Choose 0 to {count - 1}.")
        free = [subject for subject, role in given.items() if role != "test"]
        held_out = set(folds(free, count, seed)[fold])
        for subject in free:
            given[subject] = "validation" if subject in held_out else "train"
    found: list[Role] = [given[case.subject] for case in cases]
    if not found:
        raise WorkbenchError("No label map has been accepted yet.", "Review label maps and accept them, then train.")
    if found.count("train") < 2 or not found.count("validation"):
        raise WorkbenchError(
            f"{found.count('train')} accepted cases to train on, {found.count('validation')} to validate on: too few.",
            "Accept the label maps of more subjects: two to train on and one to validate on at least.",
        )
    return found


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is either wholly there or not at all.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    replace_bytes(path, content)

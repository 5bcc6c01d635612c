"""Measure label maps: every statistic of every region, each label map on the scan's own grid."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, cast

import numpy as np
from pydantic import BaseModel, ConfigDict

from ctworkbench.core import plugins, schemes
from ctworkbench.core.errors import VolumeError, WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume, read_nifti

_ComputeAll = Callable[[Volume, Volume | None, Sequence[int]], dict[int, float]]
_Compute = Callable[[Volume, Volume | None, int], float]


class MeasureCase(BaseModel):
    """One label map to measure.

    Attributes:
        annotation: id of the annotation that the numbers belong to.
        labels: NIfTI label map on the scan's own grid.
        image: the scan's HU on the same grid, for statistics that need it.
        title: what people call it, such as "P001, version 2".
    """

    model_config = ConfigDict(frozen=True)

    annotation: int
    title: str = ""
    labels: Path
    image: Path | None = None


class MeasureParams(BaseModel):
    """What to measure.

    Attributes:
        cases: the label maps.
        scheme: name of their region scheme.
        statistics: names of statistics; all that are installed if empty.
    """

    model_config = ConfigDict(frozen=True)

    cases: tuple[MeasureCase, ...]
    scheme: str = schemes.DEFAULT
    statistics: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One number: `value` of `statistic` of `region` in `annotation`."""

    annotation: int
    region: str
    statistic: str
    value: float
    unit: str


class MeasureResult(BaseModel):
    """The numbers, and a sentence for everything that a reader of them must know."""

    model_config = ConfigDict(frozen=True)

    rows: list[Measured]
    problems: list[str]


def measure(params: MeasureParams, context: JobContext) -> MeasureResult:
    """Measure every case; one that cannot be read is told in `problems` and does not stop the others.

    A region with no voxel has the volume 0 and a sentence in `problems`; a statistic with no value there has no row.
    """
    scheme = schemes.load(params.scheme)
    names = params.statistics or tuple(plugins.names(plugins.STATISTICS))
    statistics = {name: plugins.load(plugins.STATISTICS, name) for name in names}
    rows: list[Measured] = []
    problems: list[str] = []
    for done, case in enumerate(params.cases):
        context.progress(done / len(params.cases), f"Measuring {done + 1} of {len(params.cases)}")
        label = case.title or f"Annotation {case.annotation}"
        try:
            labels = _read_labels(case.labels)
            image = None if case.image is None else read_nifti(case.image)
        except WorkbenchError as error:
            problems.append(f"{label} was not measured: {error}")
            continue
        if image is not None and not image.grid.matches(labels.grid):
            problems.append(f"{label}: the image stands on another grid than its labels and was left aside.")
            image = None
        problems += [f"{label}: {problem}" for problem in check(labels, scheme)]
        rows += _measure_case(case.annotation, labels, image, scheme, statistics)
    context.progress(1.0, f"Measured {len(params.cases)} label maps")
    return MeasureResult(rows=rows, problems=problems)


def check(labels: Volume, scheme: Scheme) -> list[str]:
    """What is wrong with a label map, in sentences: regions missing or cut off, codes unknown, sides swapped.

    Args:
        labels: uint8 label map, axes (x, y, z), affine RAS+ mm.
        scheme: what its codes mean.
    """
    counts, mean_x = _moments(labels)
    problems: list[str] = []
    missing = [region.title for region in scheme.regions if counts[region.code] == 0]
    if len(missing) == len(scheme.regions):
        return ["the label map is empty: no region was found, every volume is 0."]
    if missing:
        problems.append(f"not found, so its volume is 0: {', '.join(missing)}.")
    unknown = [code for code in range(1, 256) if counts[code] and code not in scheme.codes]
    if unknown:
        listed = ", ".join(f"{code} ({counts[code]} voxels)" for code in unknown)
        problems.append(f"codes that the scheme {scheme.name} does not know were left out: {listed}.")
    swapped = _swapped(counts, mean_x, scheme)
    if swapped:
        problems.append(f"left and right look swapped in the patient: {', '.join(swapped)}.")
    v = labels.voxels
    faces = (v[0], v[-1], v[:, 0], v[:, -1], v[:, :, 0], v[:, :, -1])
    touching = set[int]().union(*(np.unique(face).tolist() for face in faces))
    cut = [region.title for region in scheme.regions if region.code in touching]
    if cut:
        problems.append(f"reaches the edge of the scan, so its volume may be cut off: {', '.join(cut)}.")
    return problems


def swapped_sides(labels: Volume, scheme: Scheme) -> list[str]:
    """Regions whose right part lies to the left of its left part in the patient, by the middles in world space."""
    return _swapped(*_moments(labels), scheme)


def _swapped(counts: np.ndarray, mean_x: np.ndarray, scheme: Scheme) -> list[str]:
    """The same, from the moments of the label map."""
    return [
        right.name.removeprefix("right_")
        for right, left in scheme.pairs
        if counts[right.code] and counts[left.code] and mean_x[right.code] <= mean_x[left.code]
    ]


def _measure_case(
    annotation: int, labels: Volume, image: Volume | None, scheme: Scheme, statistics: dict[str, ModuleType]
) -> list[Measured]:
    """All numbers of one label map; statistics that need an image are left out where there is none."""
    rows: list[Measured] = []
    for name, module in statistics.items():
        if image is None and getattr(module, "NEEDS_IMAGE", False):
            continue
        unit = cast(str, module.UNIT)
        compute_all = cast("_ComputeAll | None", getattr(module, "compute_all", None))
        compute = cast(_Compute, module.compute)
        if compute_all is not None:
            values = compute_all(labels, image, scheme.codes)
        else:
            values = {code: compute(labels, image, code) for code in scheme.codes}
        rows += [
            Measured(annotation, region.name, name, values[region.code], unit)
            for region in scheme.regions
            if math.isfinite(values[region.code])
        ]
    return rows


def _read_labels(path: Path) -> Volume:
    """A label map as uint8.

    Raises:
        VolumeError: unreadable, or values that are no region codes.
    """
    volume = read_nifti(path)
    if volume.voxels.dtype == np.uint8:
        return volume
    low, high = float(volume.voxels.min(initial=0)), float(volume.voxels.max(initial=0))
    codes = volume.voxels.astype(np.uint8)
    if low < 0 or high > 255 or not np.array_equal(codes, volume.voxels):
        raise VolumeError(
            f"{path.name} is no label map: it holds values from {low:g} to {high:g} that are not all codes 0 to 255.",
            "Give the label map, not the image.",
        )
    return Volume(codes, volume.affine)


def _moments(labels: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Of each code: the number of voxels, int64 (256,), and the mean world x in mm, float (256,); right is positive."""
    counts, sums = np.zeros(256, dtype=np.int64), np.zeros(256)
    nx, ny, nz = labels.voxels.shape
    row = labels.affine[0]
    plane_x = row[0] * np.arange(nx)[:, None] + row[1] * np.arange(ny)[None, :] + row[3]
    for k in range(nz):
        plane = labels.voxels[:, :, k]
        inside = plane > 0
        if inside.any():
            found = plane[inside]
            counts += np.bincount(found, minlength=256)
            sums += np.bincount(found, weights=plane_x[inside] + row[2] * k, minlength=256)
    return counts, sums / np.maximum(counts, 1)

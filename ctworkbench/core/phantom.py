"""Digital head phantoms: children's head CT scans that never were, with a known truth.

`plan_phantoms` decides who is to be made, `make_phantom` makes one (a work function), `write_cohort` lists them. How:
`docs/phantoms.md`.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy import ndimage

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom_child import Child, draw_child
from ctworkbench.core.phantom_dicom import SCANNER, SITE, SeriesHeader, write_series
from ctworkbench.core.phantom_head import VENTRICLES, Head, PhantomError, list_heads, read_head
from ctworkbench.core.phantom_scan import KERNELS, Pose, ScanGrid, draw_pose, measure_hu, plan_grid, truth_on
from ctworkbench.core.phantom_shape import Shape, shape_child
from ctworkbench.core.phantom_skull import Skull, build_skull
from ctworkbench.core.phantom_tissue import Palette, draw_palette, paint
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume, write_nifti

__all__ = [
    "Anatomy",
    "PhantomError",
    "PhantomParams",
    "PhantomResult",
    "Scanned",
    "make_phantom",
    "plan_phantoms",
    "scan_phantom",
    "shape_phantom",
    "write_cohort",
]

_VENTRICLE_SHARE = 0.013
_MOST_PHANTOMS = 9999
_Spacing = Annotated[float, Field(ge=0.3, le=10)]
# Streams of chance: what a child is must not depend on how it is scanned.
_WHO, _CHILD, _SHAPE, _SKULL, _TISSUE, _POSE, _NOISE = range(7)


class PhantomParams(BaseModel):
    """One phantom to be made.

    Attributes:
        out: folder that gets `CODE/` (the DICOM series) and `CODE_truth.nii.gz`.
        code: the subject's code, such as "P001".
        seed: of the cohort; with `index` it fixes everything that is drawn.
        index: number within the cohort, from 0.
        head: tissue map `head_NN_tissue.nii.gz` of the adult that the child is made from; its regions lie beside it.
        sex: "M" or "F".
        age_years: 1.5 to 2.5, the range of the norm.
        spacing: column and row spacing, and table step between slices, mm.
        thickness: slice thickness in mm; the table step if None.
        matrix: columns and rows; as many as the head needs if None.
        tilt_degrees: gantry tilt, GE's sign.
        pose: how far heads lie from straight: 1 as children do, 0 all straight.
        noise_hu: SD of the noise with the kernel STANDARD: twice as much is a quarter of the dose.
        kernel: of the reconstruction: SOFT, STANDARD, DETAIL or BONE.
        rescan: the same child scanned again lies otherwise and has other noise; 0 for the first scan.
    """

    model_config = ConfigDict(frozen=True)

    out: Path
    code: str
    seed: int = Field(ge=0)
    index: int = Field(ge=0)
    head: Path
    sex: Literal["M", "F"]
    age_years: float
    spacing: tuple[_Spacing, _Spacing, _Spacing] = (1.0, 1.0, 1.25)
    thickness: float | None = Field(default=None, gt=0, le=20)
    matrix: int | None = Field(default=None, ge=64, le=1024)
    tilt_degrees: float = Field(default=0.0, ge=-30, le=30)
    pose: float = Field(default=1.0, ge=0, le=2)
    noise_hu: float = Field(default=5.0, ge=0, le=50)
    kernel: Literal["SOFT", "STANDARD", "DETAIL", "BONE"] = "STANDARD"
    rescan: int = Field(default=0, ge=0)


class PhantomResult(BaseModel):
    """One phantom made.

    Attributes:
        series: folder of the DICOM series.
        truth: the ten regions on the scan's grid.
        head: name of the adult head.
        drawn_cm3: volume of each region as drawn from the norm.
        true_cm3: volume of each region in `truth`, voxels × determinant of its affine.
        intracranial_cm3: volume inside the skull.
        smallest_jacobian: of the deformation; positive.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    sex: str
    age_years: float
    site: str
    scanner: str
    series: Path
    truth: Path
    head: str
    drawn_cm3: dict[str, float]
    true_cm3: dict[str, float]
    intracranial_cm3: float
    smallest_jacobian: float


def plan_phantoms(
    out: Path, n: int, seed: int, heads: Path | None = None, **acquisition: object
) -> list[PhantomParams]:
    """Who is to be made: codes from P001, boys and girls of 1.5 to 2.5 years by chance, the heads in turn.

    Args:
        out: folder to write in.
        n: number of phantoms, 1 to 9999.
        seed: fixes the whole cohort; the first ten of twenty are the same as ten.
        heads: folder of heads; those shipped if None.
        acquisition: further fields of `PhantomParams`, such as `spacing` or `tilt_degrees`, for all of them.

    Raises:
        PhantomError: a folder without usable heads, or an impossible number.
    """
    if not 1 <= n <= _MOST_PHANTOMS:
        raise PhantomError(f"{n} phantoms cannot be made.", f"Ask for 1 to {_MOST_PHANTOMS}.")
    if seed < 0:
        raise PhantomError(f"The seed {seed} is negative.", "Give a whole number from 0.")
    found = list_heads(resource("heads") if heads is None else heads)
    order = np.random.default_rng([seed, _WHO]).permutation(len(found))
    planned: list[PhantomParams] = []
    for index in range(n):
        rng = _stream(seed, index, _WHO)
        who = {"sex": "MF"[int(rng.integers(2))], "age_years": round(float(rng.uniform(1.5, 2.5)), 2)}
        head = found[int(order[index % len(found)])]
        base = {"out": out, "code": f"P{index + 1:03d}", "seed": seed, "index": index, "head": head}
        try:
            planned.append(PhantomParams.model_validate(base | who | acquisition))
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0]).replace("_", " ")
            raise PhantomError(f"A phantom's {name} cannot be {fault['input']}.", f"{fault['msg']}.") from error
    return planned


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A child's head before it lies in any scanner.

    Attributes:
        head: the adult that it was made from.
        child: what was drawn for it.
        shape: the map from the adult; skull: what was laid around the brain.
        palette: HU of its tissues.
        tissue: HU on the adult's voxels, without vault or blur.
    """

    head: Head
    child: Child
    shape: Shape
    skull: Skull
    palette: Palette
    tissue: NDArray[np.float32]


class Scanned(NamedTuple):
    """A scan of a phantom: its voxels' places, HU (int16) and true regions (uint8), axes (column, row, slice)."""

    grid: ScanGrid
    image: NDArray[np.int16]
    truth: NDArray[np.uint8]


def shape_phantom(params: PhantomParams, context: JobContext) -> Anatomy:
    """Draw the child of a phantom and build its head.

    Raises:
        PhantomError: a head that cannot be used, or volumes that it cannot be given.
        NormError: an age outside the norm.
        JobCancelled: the user cancelled.
    """
    context.progress(0.0, f"{params.code}: reading {params.head.name}")
    head = read_head(params.head)
    child = draw_child(_stream(params.seed, params.index, _CHILD), params.sex, params.age_years)
    drawn = np.array([child.volumes_cm3[name] for name in load().region_names])

    context.progress(0.05, f"{params.code}: shaping the child's head")
    targets = np.append(drawn, ventricles_cm3(head, float(drawn.sum())))
    shape = shape_child(head, child, targets, _stream(params.seed, params.index, _SHAPE), context.check)
    context.progress(0.4, f"{params.code}: skull")
    skull = build_skull(shape, child, _stream(params.seed, params.index, _SKULL))
    chance = _stream(params.seed, params.index, _TISSUE)
    palette = draw_palette(chance)
    return Anatomy(head, child, shape, skull, palette, paint(head, palette, chance))


def scan_phantom(params: PhantomParams, anatomy: Anatomy, pose: Pose, context: JobContext) -> Scanned:
    """Scan a head in a pose, as `params` has the acquisition.

    Raises:
        JobCancelled: the user cancelled.
    """
    kernel, skull = KERNELS[params.kernel], anatomy.skull
    painted = ndimage.gaussian_filter(
        anatomy.tissue, kernel.point_spread_mm / (anatomy.shape.scale * anatomy.head.spacing)
    )
    grid = plan_grid(skull, pose, params.spacing, params.matrix, params.tilt_degrees)
    thickness = params.thickness or params.spacing[2]
    truth = truth_on(skull, pose, grid, anatomy.head.labels, _teller(context, 0.5, 0.6, f"{params.code}: truth"))
    noise = _stream(params.seed, params.index, _NOISE, params.rescan)
    image = measure_hu(
        skull,
        pose,
        grid,
        painted,
        anatomy.palette,
        thickness,
        params.noise_hu,
        kernel,
        noise,
        _teller(context, 0.6, 0.9, f"{params.code}: scan"),
    )
    return Scanned(grid, image, truth)


def make_phantom(params: PhantomParams, context: JobContext) -> PhantomResult:
    """Make one phantom: its DICOM series and its truth. A work function.

    Raises:
        PhantomError: a head that cannot be used, or volumes that it cannot be given.
        NormError: an age outside the norm.
        JobCancelled: the user cancelled.
    """
    anatomy = shape_phantom(params, context)
    pose = draw_pose(_stream(params.seed, params.index, _POSE, params.rescan), params.pose)
    grid, image, truth = scan_phantom(params, anatomy, pose, context)
    thickness = params.thickness or params.spacing[2]
    context.progress(0.9, f"{params.code}: writing")
    series, path = params.out / params.code, params.out / f"{params.code}_truth.nii.gz"
    left_out = {"out", "head"} | (set() if params.rescan else {"rescan"})  # a first scan keeps the UIDs it always had
    identity = f"{params.model_dump_json(exclude=left_out)}|{anatomy.head.name}"
    header = SeriesHeader(params.code, params.sex, params.age_years, identity, thickness, params.kernel)
    write_series(series, image, grid, header)
    volume = Volume(truth, grid.affine)
    write_nifti(volume, path)
    counts = np.bincount(truth.ravel(), minlength=11) * volume.grid.voxel_volume_mm3 / 1000
    context.progress(1.0, f"{params.code}: done")
    return PhantomResult(
        code=params.code,
        sex=params.sex,
        age_years=params.age_years,
        site=SITE,
        scanner=SCANNER,
        series=series,
        truth=path,
        head=anatomy.head.name,
        drawn_cm3=anatomy.child.volumes_cm3,
        true_cm3={region.name: float(counts[region.code]) for region in load().regions},
        intracranial_cm3=anatomy.skull.intracranial_cm3,
        smallest_jacobian=anatomy.shape.smallest_jacobian,
    )


def write_cohort(results: Sequence[PhantomResult], out: Path) -> Path:
    """Write `cohort.csv`: subject, sex, age_years, site, scanner, then true and drawn volumes in cm³."""
    names = load().region_names
    path = out / "cohort.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        truths, draws = [f"true_{name}_cm3" for name in names], [f"drawn_{name}_cm3" for name in names]
        writer.writerow(["subject", "sex", "age_years", "site", "scanner", *truths, *draws, "intracranial_cm3", "head"])
        for r in results:
            volumes = [f"{r.true_cm3[name]:.4f}" for name in names] + [f"{r.drawn_cm3[name]:.4f}" for name in names]
            writer.writerow(
                [r.code, r.sex, r.age_years, r.site, r.scanner, *volumes, f"{r.intracranial_cm3:.1f}", r.head]
            )
    return path


def _teller(context: JobContext, start: float, stop: float, message: str) -> Callable[[float], None]:
    """Turns the part of a step that is done into the job's progress, told 16 times."""
    told = -1

    def tell(part: float) -> None:
        nonlocal told
        if int(part * 16) != told:
            told = int(part * 16)
            context.progress(start + (stop - start) * part, message)

    return tell


def _stream(seed: int, index: int, what: int, rescan: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, index, what, rescan] if rescan else [seed, index, what])


def _share(head: Head) -> float:
    """Volume of the ventricles as a part of that of the ten regions."""
    return np.count_nonzero(head.is_tissue(VENTRICLES) & (head.labels == 0)) / np.count_nonzero(head.labels)


def ventricles_cm3(head: Head, brain_cm3: float) -> float:
    """A child's ventricles: halfway (in logarithm) between the adult's own share and a child's, never above 2.5 %."""
    return brain_cm3 * min(0.025, float(np.sqrt(_share(head) * _VENTRICLE_SHARE)))

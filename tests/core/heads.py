"""A small, plain head in HU for tests that need a scan but not anatomy: asymmetric, so that sides can be told."""

from pathlib import Path

import numpy as np

from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.core.workbench import Workbench

SPACING_MM = 4.0
SHAPE = (52, 58, 50)
CLOT_RIGHT_MM = 40.0


def head(seed: int = 0) -> Volume:
    """An ellipsoid of scalp, skull and brain in air, RAS, with a clot 40 mm to the right of the midline."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = -SPACING_MM * (np.array(SHAPE) - 1) / 2
    x, y, z = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * SPACING_MM for n in SHAPE], indexing="ij")

    def inside(a: float, b: float, c: float) -> np.ndarray:
        return (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1

    hu = np.full(SHAPE, -1000.0)
    hu[inside(82, 98, 84)] = 40
    hu[inside(78, 94, 80)] = 900
    hu[inside(70, 86, 72)] = 33
    hu[(x - CLOT_RIGHT_MM) ** 2 + y**2 + z**2 <= 15**2] = 65
    noise = np.random.default_rng(seed).normal(0, 3, SHAPE)
    return Volume(np.asfortranarray((hu + noise).astype(np.int16)), affine)


def labels_of(scan: Volume) -> Volume:
    """A label map on a scan's grid: code 1 to the patient's right, 2 to the left, inside the brain."""
    shape = scan.voxels.shape
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    world = index @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    brain = (world[..., 0] / 70) ** 2 + (world[..., 1] / 86) ** 2 + (world[..., 2] / 72) ** 2 <= 1
    codes = np.where(world[..., 0] > 0, 1, 2)
    return Volume(np.asfortranarray(np.where(brain, codes, 0).astype(np.uint8)), scan.affine)


def write_cohort(path: Path, codes: list[str]) -> Path:
    """A cohort table of two-year-olds, boys and girls in turn."""
    lines = [f"{code},{'MF'[number % 2]},{1.6 + 0.1 * (number % 9):.2f}" for number, code in enumerate(codes)]
    path.write_text("\n".join(["subject,sex,age_years", *lines]) + "\n")
    return path


def study_with_heads(folder: Path, count: int = 1, author: str = "reader") -> Workbench:
    """A study of imported heads, S1 and on, through the real import job."""
    files = folder / "files"
    files.mkdir(parents=True)
    codes = [f"S{number + 1}" for number in range(count)]
    for number, code in enumerate(codes):
        write_nifti(head(number), files / f"{code}_image.nii.gz")
    cohort = write_cohort(files / "cohort.csv", codes)
    workbench = Workbench.create(folder / "study", Settings(author=author, slots=2))
    failures = workbench.wait(workbench.cohort.import_paths([files], cohort))
    assert not failures, failures
    assert len(workbench.cohort.scans()) == count, workbench.cohort.refusals()
    return workbench

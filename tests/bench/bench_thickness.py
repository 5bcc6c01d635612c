"""How far regional volumes move with the thickness of the slices, everything else alike: bound of the published norm.

Each phantom is scanned at 0.625 mm, as the norm's children were, and again thicker, with other noise; all scans are
labelled by registration (quick). Printed: volumes against those of the phantom's own 0.625 mm scan, mean and SD over
phantoms and regions in percent; a second scan at 0.625 mm with other noise says what is chance.

python -m tests.bench.bench_thickness [PHANTOMS] [SEED] [HEADS]   (about a minute a scan)
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.register import LabelParams, pseudo_label
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import read_nifti, write_nifti

THICKNESSES = (0.625, 1.25, 2.5, 5.0)


def main(phantoms: int, seed: int, heads: Path | None) -> None:
    """Print a line for each thickness."""
    shifts: dict[str, list[np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as root:
        for number in range(phantoms):
            first: np.ndarray | None = None
            for scan, thickness in enumerate((THICKNESSES[0], *THICKNESSES)):
                folder = Path(root) / f"{number}-{scan}"
                folder.mkdir()
                # noise tells the scans apart; body and position are drawn from the seed alone
                settings = {"spacing": (0.9, 0.9, thickness), "noise_hu": 5.0 if scan == 0 else 5.5}
                found = _volumes(plan_phantoms(folder, phantoms, seed, heads, **settings)[number], folder)
                if first is None:
                    first = found
                    continue
                shifts.setdefault(f"{thickness:g} mm", []).append(100 * (found / first - 1))
                print(f"phantom {number + 1}, {thickness:g} mm: {100 * np.mean(found / first - 1):+.2f} %", flush=True)
    for name, rows in shifts.items():
        all_rows = np.array(rows)
        worst = load().region_names[int(np.argmax(np.abs(all_rows.mean(axis=0))))]
        print(
            f"{name}: mean {all_rows.mean():+.2f} %, SD {all_rows.std():.2f} %, largest mean of a region "
            f"{np.abs(all_rows.mean(axis=0)).max():.2f} % ({worst})"
        )


def _volumes(params: object, folder: Path) -> np.ndarray:
    """Volumes of all regions in cm³, on the scan's own grid."""
    context = JobContext(folder)
    made = make_phantom(params, context)
    files = sorted(path for path in made.series.rglob("*") if path.is_file())
    scan = folder / "scan.nii.gz"
    write_nifti(read_series(next(iter(find_series(files).series.values()))).volume, scan)
    ready = preprocess(PreprocessParams(image=scan), context)
    request = LabelParams(scan=scan, image=ready.image, brain=ready.brain, skull=ready.skull)
    labels = read_nifti(pseudo_label(request, context).labels)
    counts = np.bincount(labels.voxels.ravel(), minlength=11) * labels.grid.voxel_volume_mm3 / 1000
    return np.array([counts[region.code] for region in load().regions])


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 3, int(given[1]) if given[1:] else 0, Path(given[2]) if given[2:] else None)

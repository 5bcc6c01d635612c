"""Build the library of child-sized templates under `resources/templates/children` from the heads that are shipped.

Each head becomes the mean two-year-old of the norms (boys and girls in turn): the adult's own gyri, sulci and
ventricles, at a child's size, with the regional volumes that Xi et al. 2025 report. It is scanned without noise at
1 mm, its brain is found as in any scan, and what registration needs is kept: HU of the brain window, the regions, and
the hull of the brain. Labels that are carried from these templates lean on that norm, as those of the average one do.

Run: python scripts/build_templates.py [OUT]   (about two minutes on one core)
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from ctworkbench.core.brain_mask import BRAIN_WINDOW, head_masks
from ctworkbench.core.phantom import ventricles_cm3
from ctworkbench.core.phantom_child import mean_child
from ctworkbench.core.phantom_head import list_heads, read_head
from ctworkbench.core.phantom_scan import KERNELS, Pose, measure_hu, plan_grid, truth_on
from ctworkbench.core.phantom_shape import shape_child
from ctworkbench.core.phantom_skull import build_skull
from ctworkbench.core.phantom_tissue import draw_palette, paint
from ctworkbench.core.preprocess import to_one_mm
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.template_library import cut_to_mask
from ctworkbench.core.template_making import make_template
from ctworkbench.core.volume import Volume, write_nifti

AGE_YEARS = 2.0
SEED = 1
SPACING_MM = (1.0, 1.0, 1.0)
SCHEME = load()


def scan_of(tissue: Path, sex: str) -> tuple[Volume, Volume]:
    """A noiseless scan of the mean child made from a head, HU (int16), and its true regions (uint8), RAS."""
    head, child = read_head(tissue), mean_child(sex, AGE_YEARS)
    volumes = np.array([child.volumes_cm3[name] for name in SCHEME.region_names])
    targets = np.append(volumes, ventricles_cm3(head, float(volumes.sum())))
    shape = shape_child(head, child, targets, None, lambda: None)
    chance = np.random.default_rng(SEED)
    skull, palette = build_skull(shape, child, chance), draw_palette(chance)
    kernel = KERNELS["STANDARD"]
    blur = kernel.point_spread_mm / (shape.scale * head.spacing)
    painted = ndimage.gaussian_filter(paint(head, palette, chance), blur)
    pose = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    grid = plan_grid(skull, pose, SPACING_MM, None, 0.0)
    hu = measure_hu(skull, pose, grid, painted, palette, SPACING_MM[2], 0.0, kernel, chance, lambda _: None)
    truth = truth_on(skull, pose, grid, head.labels, lambda _: None)
    return Volume(hu, grid.affine).oriented(), Volume(truth, grid.affine).oriented()


def build(tissue: Path, sex: str, out: Path) -> None:
    """Make one template and write it."""
    scan, truth = scan_of(tissue, sex)
    image = to_one_mm(scan, tissue.name)
    brain = head_masks(image, tissue.name).brain
    inside = Volume(brain.astype(np.uint8), image.affine)
    made = make_template(image, inside, truth, SCHEME)
    low, high = BRAIN_WINDOW
    kept, hu = cut_to_mask(inside, image)
    window = np.where(kept.voxels > 0, np.clip(hu.voxels, low, high), 0).astype(np.uint8)
    _, labels = cut_to_mask(inside, made.labels)
    _, mask = cut_to_mask(inside, made.mask)
    out.mkdir(parents=True, exist_ok=True)
    for name, volume in (("ct", Volume(window, hu.affine)), ("labels10", labels), ("brain_mask", mask)):
        write_nifti(volume, out / f"{name}.nii.gz")
    cm3 = np.bincount(labels.voxels.ravel(), minlength=256)[list(SCHEME.codes)].sum() / 1000
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    print(f"{out.name}: brain {cm3:.0f} cm³, {size:.2f} MB", flush=True)


def main(out: Path) -> None:
    """Build a template from each head that is shipped, and their list."""
    listed = ["# Made by scripts/build_templates.py."]
    for number, tissue in enumerate(list_heads(resource("heads"))):
        sex, head = "FM"[number % 2], tissue.name.removesuffix("_tissue.nii.gz")
        build(tissue, sex, out / head)
        name = f"child of {head.replace('_', ' ')}, {'girl' if sex == 'F' else 'boy'}"
        told = f'name = "{name}"\nfolder = "{head}"\nsex = "{sex}"\nage_years = {AGE_YEARS}'
        listed.append(f"[[template]]\n{told}")
    (out / "library.toml").write_text("\n\n".join(listed) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else resource("templates") / "children")

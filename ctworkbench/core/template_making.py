"""A scan with a drawn label map made into a template, in the form in which the bundled one is registered."""

from dataclasses import dataclass

import numpy as np

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_fitting import brain_tissue, smoothed
from ctworkbench.core.label_maps import resample_labels
from ctworkbench.core.measure import swapped_sides
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume

_SMOOTHING_MM = 0.8


@dataclass(frozen=True, eq=False)
class TemplateImages:
    """What is registered: labels (uint8) and mask of the brain (uint8) on the 1-mm grid of the scan's HU."""

    labels: Volume
    mask: Volume


def make_template(image: Volume, inside: Volume, labels: Volume, scheme: Scheme) -> TemplateImages:
    """Labels and brain mask of a template.

    The mask is the hull of the brain's tissue, as it is found in every scan that is labelled, so that like is
    registered to like.

    Args:
        image: HU at 1 mm, from `preprocess`.
        inside: mask of the inside of the skull on the same grid.
        labels: the drawn label map on the scan's own grid.
        scheme: what its codes mean; all of its regions are needed.

    Raises:
        WorkbenchError: a region is missing, left and right are swapped, or labels and brain hardly meet.
    """
    carried = resample_labels(labels, image.grid, scheme.codes)
    counts = np.bincount(carried.voxels.ravel(), minlength=256)
    missing = [region.title for region in scheme.regions if not counts[region.code]]
    if missing:
        raise WorkbenchError(
            f"The label map lacks {', '.join(missing)}: no scan labelled with it would have them.", "Draw them first."
        )
    swapped = swapped_sides(carried, scheme)
    if swapped:
        raise WorkbenchError(
            f"Left and right are swapped in the label map: {', '.join(swapped)}.", "Correct the sides first."
        )
    skull = inside.voxels > 0
    hull, _ = brain_tissue(smoothed(image.voxels, skull, _SMOOTHING_MM), skull)
    drawn = carried.voxels > 0
    overlap = 2 * np.count_nonzero(drawn & hull) / max(1, np.count_nonzero(drawn) + np.count_nonzero(hull))
    if overlap < 0.7:
        raise WorkbenchError(
            f"The label map does not cover the brain (overlap {overlap:.2f}; 0.70 is needed): "
            "registration carries whole brains.",
            "Draw every region to the surface of the brain first.",
        )
    return TemplateImages(carried, Volume(np.asfortranarray(hull.astype(np.uint8)), image.affine))

"""One registration by another program, in a process of its own: `python tests/bench/peers.py KIND FOLDER`.

FOLDER holds fixed.nii and moving.nii (HU) and labels.nii (on moving's grid); carried.nii is written, labels on fixed's
grid. Printed, as JSON: CPU seconds and peak GB of the process. It imports nothing of the project, so that any Python
which has the program can run it: greedy is under the GPL and never a dependency. Each is run as its manual has it.
"""

import json
import resource
import sys
from pathlib import Path


def by_ants(kind: str, folder: Path) -> None:
    """One of ANTs' own presets."""
    import ants

    fixed, moving, labels = (ants.image_read(str(folder / f"{name}.nii")) for name in ("fixed", "moving", "labels"))
    found = ants.registration(fixed, moving, type_of_transform=kind, random_seed=1)
    carried = ants.apply_transforms(fixed, labels, found["fwdtransforms"], interpolator="genericLabel")
    ants.image_write(carried, str(folder / "carried.nii"))


def by_greedy(_: str, folder: Path) -> None:
    """greedy (Yushkevich): affine from the images' centres, then its diffeomorphism, both by NCC of radius 2."""
    from picsl_greedy import Greedy3D  # pyright: ignore[reportMissingImports]

    pair = f"-i {folder}/fixed.nii {folder}/moving.nii -m NCC 2x2x2 -n 100x50x10 -threads 1"
    greedy = Greedy3D()
    greedy.execute(f"-a -dof 12 -ia-image-centers {pair} -o {folder}/affine.mat")
    greedy.execute(f"{pair} -it {folder}/affine.mat -o {folder}/warp.nii.gz")
    labels = f"-ri LABEL 0.2vox -rm {folder}/labels.nii {folder}/carried.nii"
    greedy.execute(f"-rf {folder}/fixed.nii {labels} -r {folder}/warp.nii.gz {folder}/affine.mat -threads 1")


def by_elastix(_: str, folder: Path) -> None:
    """elastix: its default rigid, affine and B-spline maps, one after another, as its first example has them."""
    import itk  # pyright: ignore[reportMissingImports]

    fixed, moving = (itk.imread(str(folder / f"{name}.nii"), itk.F) for name in ("fixed", "moving"))
    settings = itk.ParameterObject.New()
    for kind in ("rigid", "affine", "bspline"):
        settings.AddParameterMap(settings.GetDefaultParameterMap(kind))
    _, found = itk.elastix_registration_method(
        fixed, moving, parameter_object=settings, number_of_threads=1, log_to_console=False
    )
    for number in range(found.GetNumberOfParameterMaps()):
        found.SetParameter(number, "FinalBSplineInterpolationOrder", "0")
    carried = itk.transformix_filter(itk.imread(str(folder / "labels.nii"), itk.F), found)
    itk.imwrite(carried.astype(itk.UC), str(folder / "carried.nii"))


PEERS = {"antsRegistrationSyNQuick[s]": by_ants, "SyN": by_ants, "greedy": by_greedy, "elastix": by_elastix}


if __name__ == "__main__":
    PEERS[sys.argv[1]](sys.argv[1], Path(sys.argv[2]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "gb": used.ru_maxrss / 1e6}))

"""A study that can be segmented at once: preprocessings and a small, untrained network, written straight into it."""

import numpy as np

from ctworkbench.core import schemes
from ctworkbench.core.model import ModelRun, Preprocessing, Scan
from ctworkbench.core.training import TrainAnswer
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from tests.core.heads import labels_of


def prepare_at_once(study: Workbench) -> None:
    """Preprocessings of all scans on their own coarse grids: the brain by its shape, the image as it is."""
    store = study._study.store
    with study._study.database.writing() as session:
        for scan in session.query(Scan):
            image = study.cohort.image(scan.id)
            brain = (labels_of(image).voxels > 0).astype(np.uint8)
            key = store.put(Volume(image.voxels.astype(np.float32), image.affine))
            mask = store.put(Volume(np.asfortranarray(brain), image.affine))
            session.add(
                Preprocessing(
                    scan_id=scan.id,
                    image_key=key,
                    brain_key=mask,
                    skull_key=mask,
                    equalized_key=key,
                    brain_cm3=1100.0,
                    warnings=[],
                    code_version="test",
                    job_id="test",
                )
            )


def untrained_model(
    study: Workbench,
    spacing_mm: float = 4.0,
    seed: int = 3,
    fold: int | None = None,
    split: dict[str, str] | None = None,
) -> int:
    """A network of a few channels with the weights that it was born with; its number in the study.

    Args:
        study: the open study.
        spacing_mm: side of its voxels: the smaller, the longer a segmentation takes.
        seed: decides the weights.
        fold: of which fold it is said to be; of none by default.
        split: what each subject is said to have been in its training.
    """
    import torch

    from ctworkbench.train.checkpoint import save_weights
    from ctworkbench.train.predict import build_network
    from tests.train.heads import TINY

    settings = TINY.model_copy(update={"spacing_mm": spacing_mm})
    params = {"channels": list(settings.channels), "in_channels": 4, "classes": len(schemes.load().codes) + 1}
    torch.manual_seed(seed)
    network = build_network("resunet", params)
    weights = study.folder / "models" / "new.safetensors"
    sha256 = save_weights(weights, network, {})
    weights.replace(weights.with_name(f"{sha256}.safetensors"))
    answer = TrainAnswer(
        weights=weights,
        weights_sha256=sha256,
        network_params=params,
        settings=settings.model_dump(mode="json"),
        dice_validation=None,
        label_kind="pseudo",
        roles={},
        code_version="test",
    )
    with study._study.database.writing() as session:
        run = ModelRun(
            job_id=f"test-{sha256[:12]}-{fold}",
            network="resunet",
            preset="demo",
            parameters={} if fold is None else {"seed": 1, "fold": fold, "scheme": "lobes10", "cases": []},
            result=answer.model_dump(mode="json", exclude={"weights"}),
            split=dict(split or {}),
            label_kind="pseudo-labels",
            code_version="test",
            weights_hash=sha256,
        )
        session.add(run)
        session.flush()
        return run.id

"""How well a model's file labels digital phantoms, against their truth: Dice by head and region.

`make bench-starter ARGS="MODEL.ctwmodel --heads FOLDER --work FOLDER"`: a phantom of each head of the folder is made,
imported, preprocessed and segmented, each step as the program does it. WORK keeps what was made, for the next model,
and `figures.json` of each model, which the starter's card is given.
Without a model, the phantoms alone are made.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from ctworkbench.core import schemes
from ctworkbench.core.importing import ImportParams, import_scans
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model_registry import read_package
from ctworkbench.core.model_registry.facts import HeldOut
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.phantom_head import list_heads
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.settings import resource
from ctworkbench.core.training import ImportModelRequest, SegmentCase, SegmentRequest
from ctworkbench.core.volume import Volume, read_nifti
from ctworkbench.train.model_import import import_model
from ctworkbench.train.predict import segment

SEED = 11


def prepared(heads: Path, work: Path) -> list[dict[str, str]]:
    """Scan, masks and truth of a phantom of each head; what is there is not made again."""
    cases: list[dict[str, str]] = []
    for params in plan_phantoms(work, len(list_heads(heads)), SEED, heads):
        folder = work / f"prepared_{params.code}"
        note = folder / "case.json"
        if not note.exists():
            folder.mkdir(parents=True, exist_ok=True)
            context = JobContext(folder)
            made = make_phantom(params, context)
            scan = import_scans(ImportParams(paths=(made.series,)), context).accepted[0].image
            found = preprocess(PreprocessParams(image=scan), context)
            case = {"key": params.code, "head": made.head, "scan": scan, "truth": made.truth}
            case |= {"hu": found.image, "equalized": found.equalized, "brain": found.brain}
            note.write_text(json.dumps(case, default=str))
        cases.append(json.loads(note.read_text()))
    return cases


def refuse_shipped(heads: Path) -> None:
    """Refuse heads that are shipped: the starter learned from them, and would be measured on what it knows.

    Raises:
        SystemExit: one of them has the name or the content of a shipped head.
    """
    shipped = list_heads(resource("heads"))
    known = {path.name for path in shipped} | {hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped}
    for path in list_heads(heads):
        if path.name in known or hashlib.sha256(path.read_bytes()).hexdigest() in known:
            raise SystemExit(f"{path} is a head that the starter model learned from: measure on others (--heads).")


def on_grid_of(labels: Volume, scan: Volume) -> np.ndarray:
    """A label map whose axes run as another's may, on the very grid of the scan.

    Raises:
        ValueError: the grids are not those of one scan.
    """
    turned = labels.oriented()
    if not turned.grid.matches(scan.grid):
        raise ValueError("the truth lies on another grid than the scan")
    return turned.voxels.astype(np.uint8)


def main() -> None:
    """Make the phantoms, then measure the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--heads", type=Path, required=True, help="heads that the model has not learned from")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    refuse_shipped(given.heads)
    cases = prepared(given.heads, given.work)
    if given.model is None:
        return
    facts = read_package(given.model).facts
    folder = given.work / facts.weights_sha256[:12]
    folder.mkdir(exist_ok=True)
    context = JobContext(folder, threads=given.threads)
    model = import_model(ImportModelRequest(package=given.model), context)
    seen = "hu" if facts.settings.get("sees") == "hu" else "equalized"
    asked = [
        SegmentCase(key=case["key"], image=Path(case[seen]), brain=Path(case["brain"]), scan=Path(case["scan"]))
        for case in cases
    ]
    answer = segment(
        SegmentRequest(
            cases=tuple(asked),
            weights=model.weights,
            weights_sha256=facts.weights_sha256,
            network=facts.network,
            network_params=facts.network_params,
            settings=facts.settings,
        ),
        context,
    )
    scheme = schemes.load(facts.scheme)
    rows: list[list[float]] = []
    print(f"model {facts.weights_sha256[:12]}; regions: {', '.join(scheme.region_names)}")
    for case, found in zip(cases, answer.cases, strict=True):
        labels = read_nifti(found.labels)
        overlap = dice(labels.voxels, on_grid_of(read_nifti(Path(case["truth"])), labels), scheme.codes)
        rows.append([overlap[code] for code in scheme.codes])
        print(f"{case['head']} {np.mean(rows[-1]):.3f} {' '.join(f'{v:.3f}' for v in rows[-1])} {found.seconds:.1f} s")
    means = np.mean(rows, axis=1)
    told = HeldOut(
        label_kind="truth",
        n=len(rows),
        mean=float(means.mean()),
        sd=float(means.std(ddof=1)) if len(rows) > 1 else None,
        regions=dict(zip(scheme.region_names, np.mean(rows, axis=0).tolist(), strict=True)),
    )
    (folder / "figures.json").write_text(told.model_dump_json(indent=1))
    print(f"mean    {np.mean(rows):.4f} {' '.join(f'{v:.3f}' for v in np.mean(rows, axis=0))}", flush=True)


if __name__ == "__main__":
    main()

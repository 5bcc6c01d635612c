"""Several models that answer together: which can, which are the folds of one training, what the study keeps of them.

What answers together is kept as a model of its own, which names its members: a label map, and every number of it, goes
back to it as to any other model, and whoever one of its members was trained on counts as trained on.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import ModelRun, Role
from ctworkbench.core.training import LABEL_KINDS, SegmentRequest, identity_of
from ctworkbench.core.workbench.lineage import notes_of

_MIXED = "pseudo- and expert labels"
_SAME = {"spacing_mm": "voxels of {} mm", "margin_mm": "{} mm around the brain", "sees": "{}"}
_INPUTS = {"equalized": "the equalized image", "hu": "HU"}


def members_of(run: ModelRun) -> tuple[int, ...]:
    """Numbers of the models whose answers a model averages; none for a single network."""
    return tuple(part["model"] for part in run.parameters.get("members", ()))


def mean_of(members: Sequence[int]) -> str:
    """What an ensemble is, in words: "mean of models 3, 4 and 5"."""
    *first, last = (str(number) for number in members)
    return f"mean of models {', '.join(first)} and {last}"


def answering(session: Session, runs: Iterable[ModelRun]) -> tuple[ModelRun, ...]:
    """The networks that answer for these models: an ensemble as its members, each network once, oldest first.

    Raises:
        WorkbenchError: they cannot answer together.
    """
    numbers = {number for run in runs for number in (members_of(run) or (run.id,))}
    found = session.scalars(select(ModelRun).where(ModelRun.id.in_(numbers)).order_by(ModelRun.id))
    alone = {run.weights_hash: run for run in reversed(found.all())}  # one training that was done twice is one network
    networks = tuple(reversed(alone.values()))
    for other in networks[1:]:
        _refuse_unlike(networks[0], other)
    return networks


def folds_of(session: Session, model_id: int) -> tuple[ModelRun, ...]:
    """The models that are folds of one training, by fold; of a fold that was trained again the newest.

    Args:
        session: of the study.
        model_id: any one of them.

    Raises:
        WorkbenchError: there is no such model, or no other fold of its training.
    """
    run = session.get(ModelRun, model_id)
    if run is None:
        raise WorkbenchError(f"There is no model {model_id}.", "See which there are: ctworkbench model list STUDY")
    found = siblings(session.scalars(select(ModelRun).order_by(ModelRun.id)).all()).get(model_id, ())
    if len(found) < 2:
        raise WorkbenchError(
            f"Model {model_id} has no other folds in this study.",
            "Train a preset with folds (paper), or name the models: ctworkbench segment STUDY --model 1 2 3",
        )
    return found


def siblings(runs: Sequence[ModelRun]) -> dict[int, tuple[ModelRun, ...]]:
    """By number of a model all folds of its training, by fold; models that are no fold are not in it.

    Args:
        runs: all models of the study, oldest first.
    """
    trainings: dict[str, dict[int, ModelRun]] = {}
    of_run: dict[int, str] = {}
    for run in runs:
        fold = run.parameters.get("fold")
        if fold is None or "imported" in run.result:
            continue
        told = {name: value for name, value in run.parameters.items() if name != "fold"}
        of_run[run.id] = str((run.network, run.preset, sorted(told.items())))
        trainings.setdefault(of_run[run.id], {})[fold] = run
    return {number: tuple(run for _, run in sorted(trainings[key].items())) for number, key in of_run.items()}


def remembered(session: Session, params: SegmentRequest, job_id: str, code_version: str) -> ModelRun:
    """The model of a segmentation: that of its weights, or the ensemble, written down with its first label maps.

    Raises:
        WorkbenchError: a model is not in the study any more.
    """
    known = session.scalars(select(ModelRun).where(ModelRun.weights_hash == params.identity).order_by(ModelRun.id))
    run = known.first()
    if run is not None:
        return run
    hashes = [model.weights_sha256 for model in params.models]
    query = select(ModelRun).where(ModelRun.weights_hash.in_(hashes)).order_by(ModelRun.id.desc())
    by_hash = {run.weights_hash: run for run in session.scalars(query)}
    if len(hashes) == 1 or set(hashes) - set(by_hash):
        raise WorkbenchError("The model of a finished segmentation is not in the study any more.")
    run = _ensemble([by_hash[one] for one in hashes], job_id, code_version)
    session.add(run)
    session.flush()
    return run


def _ensemble(members: Sequence[ModelRun], job_id: str, code_version: str) -> ModelRun:
    first, seeds = members[0], {run.parameters.get("seed") for run in members}
    cases: dict[str, dict[str, Any]] = {}
    for run in members:
        cases |= {str(sorted(case.items())): case for case in run.parameters.get("cases", ())}
    return ModelRun(
        job_id=job_id,
        network=_joined(run.network for run in members),
        preset=_joined(run.preset for run in members),
        parameters={
            "seed": seeds.pop() if len(seeds) == 1 else None,
            "fold": None,
            "scheme": first.parameters.get("scheme"),
            "cases": list(cases.values()),
            "members": [{"model": run.id, "weights": run.weights_hash} for run in members],
        },
        result={
            "settings": first.result.get("settings", {}),
            "network_params": first.result.get("network_params", {}),
            "dice_validation": None,
            "label_kind": first.result.get("label_kind", "pseudo"),
            "cautions": _once(text for run in members for text in run.result.get("cautions") or ()),
            "notes": _once(text for run in members for text in notes_of(run)),
        },
        split=_roles([run.split for run in members]),
        label_kind=_label_kind({run.label_kind for run in members}),
        code_version=code_version,
        weights_hash=identity_of([run.weights_hash for run in members]),
    )


def _roles(splits: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What each subject was to any of the trainings: who was learned from once is learned from."""
    found: dict[str, str] = {}
    for role in (Role.TEST, Role.VALIDATION, Role.TRAIN):  # the later speaks louder
        found |= {code: str(role) for split in splits for code, own in split.items() if own == role}
    return dict(sorted(found.items()))


def _label_kind(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return _MIXED if kinds <= {_MIXED, *LABEL_KINDS.values()} else " and ".join(sorted(kinds))[:32]


def _joined(names: Iterable[str]) -> str:
    return "+".join(sorted(set(names)))[:64]


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _refuse_unlike(one: ModelRun, other: ModelRun) -> None:
    """Refuse two networks whose answers lie on other grids, are of other regions, or look at another image."""
    unlike: list[str] = []
    schemes = [run.parameters.get("scheme") for run in (one, other)]
    if schemes[0] != schemes[1]:
        unlike.append(f"regions of {schemes[0]} and of {schemes[1]}")
    for name, text in _SAME.items():
        has = [
            run.result.get("settings", {}).get(name, "equalized" if name == "sees" else None) for run in (one, other)
        ]
        if has[0] != has[1]:
            unlike.append(f"{text.format(_plain(has[0]))} and {text.format(_plain(has[1]))}")
    if unlike:
        raise WorkbenchError(
            f"Models {one.id} ({one.network}, {one.preset}) and {other.id} ({other.network}, {other.preset}) cannot "
            f"answer together: {'; '.join(unlike)}.",
            "Take models of the same regions, voxels and image, such as the folds of one training.",
        )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else _INPUTS.get(str(value), str(value))

"""The study's models: listed, told of in a card, carried to another workstation and taken in from one."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.files import replace_bytes, replace_text
from ctworkbench.core.model import Annotation, Evaluation, ModelRun, Origin, Role, Scan, Subject
from ctworkbench.core.model_registry import SUFFIX, ModelFacts, card, card_pages, read_package, write_package
from ctworkbench.core.model_registry.facts import HeldOut
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.settings import resource
from ctworkbench.core.training import LABEL_KINDS, ImportedModel, ImportModelRequest, MeasureResult
from ctworkbench.core.workbench.ensembles import mean_of, members_of, siblings
from ctworkbench.core.workbench.lineage import learned_limits, notes_of, teachings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes, ModelRow
from ctworkbench.core.workbench.training_runs import variant

IMPORT_MODEL = "import model"
_STARTER_FILE = f"models/starter{SUFFIX}"


def models(study: OpenStudy) -> list[ModelRow]:
    """All trained networks, newest first."""
    with study.database.reading() as session:
        runs = session.scalars(select(ModelRun).order_by(ModelRun.id.desc())).all()
        tested: dict[int, dict[str, list[float]]] = {}
        for annotation, role in session.execute(
            select(Annotation, Subject.role)
            .join(Scan, Scan.id == Annotation.scan_id)
            .join(Subject, Subject.id == Scan.subject_id)
            .where(Annotation.model_id.is_not(None))
        ):
            score = annotation.scores.get("dice_accepted")
            if role is Role.TEST and score is not None and annotation.model_id is not None:
                kind = "expert" if annotation.scores["dice_accepted_origin"] == Origin.EXPERT else "pseudo"
                tested.setdefault(annotation.model_id, {}).setdefault(kind, []).append(score)
        finals = session.scalars(select(Evaluation).where(Evaluation.part == "test").order_by(Evaluation.id)).all()
    labelled = set(tested)  # whose test scans have label maps: a final test says the same of it once more
    for final in finals:
        figures = MeasureResult.model_validate(final.result).figures
        if final.model_id not in labelled and figures:
            by_kind: dict[str, list[float]] = {}
            for case in figures:
                by_kind.setdefault(case.label_kind, []).append(fmean(own.dice for own in case.regions.values()))
            tested[final.model_id] = by_kind
    folds = siblings(runs[::-1])
    return [
        _row(run, tested.get(run.id, {}), [fold.id for fold in folds.get(run.id, ())], study.split_seed) for run in runs
    ]


def model_to_use(session: Session, model_id: int | None = None) -> ModelRun:
    """The model of a number; by default the newest that was trained here, and an imported one only where none was.

    An ensemble is taken only where it is asked for.

    Raises:
        WorkbenchError: there is no such model, or none at all.
    """
    if model_id is not None:
        run = session.get(ModelRun, model_id)
        if run is None:
            remedy = "Choose another; without --model, the newest that was trained here is taken."
            raise WorkbenchError(f"There is no model {model_id}.", remedy)
        return run
    every = session.scalars(select(ModelRun).order_by(ModelRun.id.desc()))
    runs = [run for run in every if not members_of(run)]
    if not runs:
        raise WorkbenchError("This study has no trained model.", "Train one first: ctworkbench train STUDY")
    return next((run for run in runs if "imported" not in run.result), runs[0])


def name_of(run: ModelRun) -> str:
    """A model as notices name it: its number, and its file or its network and preset."""
    if members := members_of(run):
        return f"model {run.id} ({mean_of(members)})"
    source = run.result.get("imported", {}).get("source")
    return f"model {run.id} ({source or f'{run.network}, {run.preset}'})"


def facts(study: OpenStudy, model_id: int) -> ModelFacts:
    """What the card of a model tells.

    Raises:
        WorkbenchError: there is no such model.
    """
    with study.database.reading() as session:
        run = session.get(ModelRun, model_id)
        taught = teachings(session, [model_id]).get(model_id)
    if run is None or taught is None:
        raise WorkbenchError(f"There is no model {model_id}.", "See which there are: ctworkbench model list STUDY")
    result: dict[str, Any] = run.result
    taken = result.get("imported", {})
    fold = run.parameters.get("fold")
    told = f"{run.network}, preset {run.preset}{'' if fold is None else f', fold {fold}'}"
    members = members_of(run)
    validation: list[HeldOut] = []
    for row in result.get("validation") or ():
        try:
            validation.append(HeldOut.model_validate(row))
        except ValidationError:  # what a much older program recorded
            continue
    return ModelFacts(
        title=taken.get("title")
        or (f"{mean_of(members).capitalize()}: " if members else "Model ") + f"{told}, of {run.created:%Y-%m-%d}",
        network=run.network,
        network_params=result.get("network_params", {}),
        preset=run.preset,
        settings=result.get("settings", {}),
        scheme=(scheme := run.parameters.get("scheme", study.scheme)),
        regions=tuple((region.code, region.name) for region in load_scheme(scheme).regions),
        seed=run.parameters.get("seed"),
        fold=fold,
        subjects=taken.get("subjects") or dict(Counter(str(role) for role in run.split.values())),
        label_kind=run.label_kind,
        learned_from=tuple(taken.get("learned_from", ())),
        cautions=(
            *_of_members(members),
            *(notes_of(run) if members else taken.get("cautions", ())),
            *(result.get("cautions") or ()),
            *learned_limits(taught),
        ),
        validation=tuple(validation),
        dice_train=result.get("dice_train"),
        dice_train_regions=result.get("dice_train_regions") or {},
        history=tuple(result.get("history") or ()),
        seconds=result.get("seconds"),
        device=str(result.get("device", "")),
        threads=result.get("threads"),
        processes=result.get("processes", 1),
        code_version=run.code_version,
        torch_version=str(result.get("torch_version", "")),
        weights_sha256=run.weights_hash,
        created=taken.get("created") or run.created.isoformat(),
    )


def export_model(study: OpenStudy, model_id: int, out: Path) -> Path:
    """Write a model as one file for another workstation (`.ctwmodel`), or its card for people (`.md`, `.pdf`).

    Raises:
        WorkbenchError: no such model, an ending that is none of these, weights that are missing or changed, or the file
            cannot be written.
    """
    told = facts(study, model_id)
    kind = out.suffix.lower()
    if kind == SUFFIX and (members := _members(study, model_id)):
        raise WorkbenchError(
            f"Model {model_id} is the {mean_of(members)} and has no weights of its own.",
            "Export these, a file each; where they are imported, segment with all of them (--model).",
        )
    if kind not in (SUFFIX, ".md", ".pdf"):
        raise WorkbenchError(f"A model cannot be written as {out.name}.", f"End the name in {SUFFIX}, .md or .pdf.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".pdf":
            card_pages.write(told, out)
        elif kind == ".md":
            replace_text(out, card.markdown(told))
        else:
            write_package(told, study.folder / "models" / f"{told.weights_sha256}.safetensors", out)
    except OSError as error:
        raise StudyError(f"{out} cannot be written: {error.strerror or error}.", "Choose another folder.") from error
    study.log("export model", f"model {model_id}", {"weights": told.weights_sha256, "kind": kind})
    return out


def _members(study: OpenStudy, model_id: int) -> tuple[int, ...]:
    with study.database.reading() as session:
        run = session.get(ModelRun, model_id)
        return () if run is None else members_of(run)


def _of_members(members: Sequence[int]) -> tuple[str, ...]:
    """What the card of an ensemble says first."""
    if not members:
        return ()
    return (
        f"It is the {mean_of(members)}: their probabilities are averaged, and its hash is one over the hashes of their "
        "weights. What each learned from, and its figures, are on their cards; whoever one of them was trained on "
        "counts here as trained on.",
    )


def starter_file() -> Path | None:
    """The model that is shipped with the program; None where it ships none."""
    try:
        return resource(_STARTER_FILE)
    except FileNotFoundError:
        return None


def known_as(study: OpenStudy, package: Path) -> int | None:
    """The number of the study's model with the weights of a model's file; None where it has none.

    Raises:
        WorkbenchError: the file is foreign, damaged or changed.
    """
    wanted = read_package(package).facts.weights_sha256
    with study.database.reading() as session:
        query = select(ModelRun.id).where(ModelRun.weights_hash == wanted).order_by(ModelRun.id)
        return session.scalars(query).first()


def import_model(study: OpenStudy, package: Path, initiator: object = None) -> list[str]:
    """Start to take in a model's file; the job's id, or none where the study has that model.

    Raises:
        WorkbenchError: the file is foreign, damaged, changed, or of another scheme than the study.
    """
    package = package.resolve()
    found = read_package(package).facts
    if found.scheme != study.scheme:
        raise WorkbenchError(
            f"{package.name} labels the regions of {found.scheme}, this study has those of {study.scheme}.",
            "Take a model of the study's own scheme.",
        )
    if known_as(study, package) is not None:
        return []
    title, params = f"Import the model {package.name}", ImportModelRequest(package=package)
    job = study.start_or_resume(IMPORT_MODEL, title, "ctworkbench.train.model_import:import_model", params)
    study.announce(Changes(jobs=True), initiator)
    return [job]


def record_import(study: OpenStudy, job_id: str) -> Changes:
    """Take a checked model into the study: its weights under their hash, its row with all that its file tells."""
    answer = ImportedModel.model_validate(study.jobs.result(job_id))
    told = ModelFacts.model_validate(answer.facts)
    replace_bytes(study.folder / "models" / f"{told.weights_sha256}.safetensors", answer.weights.read_bytes())
    first = told.validation[0] if told.validation else None
    kept = {
        "title": told.title,
        "subjects": told.subjects,
        "learned_from": told.learned_from,
        "cautions": told.cautions,
        "created": told.created,
        "source": answer.source,
    }
    result = told.model_dump(mode="json", exclude={"title", "subjects", "learned_from", "cautions", "created"}) | {
        "roles": {},
        "dice_validation": first.mean if first else None,
        "label_kind": first.label_kind if first else "pseudo",
        "imported": {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()},
    }
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        session.add(
            ModelRun(
                job_id=job_id,
                network=told.network,
                preset=told.preset,
                parameters={"seed": told.seed, "fold": told.fold, "scheme": told.scheme, "cases": []},
                result=result,
                split={},
                label_kind=told.label_kind[:32],
                code_version=told.code_version[:32],
                weights_hash=told.weights_sha256,
                created=datetime.now(UTC),
            )
        )
        details = {"weights": told.weights_sha256, "source": answer.source}
        study.audit(session, "import model", job_id, details)
    study.discard(answer.weights)
    return Changes(models=True, jobs=True)


def _row(run: ModelRun, tested: dict[str, list[float]], folds: Sequence[int], usual_seed: int) -> ModelRow:
    """A model with its figures; where test subjects have labels of both kinds, those of experts alone are told."""
    kind = "expert" if "expert" in tested else "pseudo"
    seed = run.parameters.get("seed")
    repeat = [] if seed in (None, usual_seed) or "imported" in run.result else [f"seed {seed}"]
    taken: dict[str, Any] = run.result.get("imported", {})
    told = run.result.get("dice_validation")
    return ModelRow(
        id=run.id,
        job_id=run.job_id,
        network=run.network,
        preset=run.preset,
        created=run.created,
        weights_hash=run.weights_hash,
        dice_validation=told,
        dice_test=fmean(tested[kind]) if tested else None,
        label_kind=run.label_kind,
        subjects=sum(taken.get("subjects", {}).values()) or len(run.split),
        validation_kind=LABEL_KINDS.get(run.result.get("label_kind", ""), "") if told is not None else "",
        test_kind=LABEL_KINDS[kind] if tested else "",
        source=str(taken.get("source", "")),
        dice_train=run.result.get("dice_train"),
        members=members_of(run),
        folds=tuple(folds),
        variant=", ".join((*variant(run.parameters.get("changes", {}), run.parameters.get("fold")), *repeat)),
    )

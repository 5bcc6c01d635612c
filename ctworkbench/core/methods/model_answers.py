"""Answers of a study about its networks: how they were made, and what their figures are held against."""

import math
from collections.abc import Mapping
from typing import Any

from ctworkbench.core.methods.facts import EXPERT, ROLES, TRUTH, UNKNOWN, Answer, Figure, ModelFact, StudyFacts
from ctworkbench.core.methods.soundness import counted, listed
from ctworkbench.core.model_registry.facts import settings_told


def kind_of_model(facts: StudyFacts) -> str:
    """Which kind of network."""
    names = sorted({model.network for model in facts.models})
    return f"Deep learning: a convolutional network segments the brain ({listed(names)})." if names else ""


def intended_use(facts: StudyFacts) -> str:
    """What the program is for."""
    return (
        "Research use only, not for diagnosis. Label maps are drawn for a reader, who looks at them and corrects them "
        "before their volumes are used."
        if facts.scans
        else ""
    )


def network(facts: StudyFacts) -> str:
    """Inputs, outputs and shape of the newest network."""
    model = facts.newest_model
    if model is None:
        return ""
    settings, shape = model.settings, model.network_params
    spacing = settings.get("spacing_mm")
    seen = "HU within the brain window" if settings.get("sees") == "hu" else "the equalized brain image"
    inputs = seen + (" and three coordinates" if settings.get("coordinates") else "")
    grid = f" at {spacing:g} mm" if spacing else ""
    known = f" ({_pairs(shape)})" if shape else f" (layers {UNKNOWN})"
    return (
        f"Model {model.id}: {model.network}{known}. Input: {inputs}{grid}, cropped to the brain. Output: the "
        f"probability of each of {len(facts.regions)} regions, carried to the scan's own grid; the largest component "
        f"of each region is kept. Weights {model.weights_hash[:12] or UNKNOWN}."
    )


def software(facts: StudyFacts) -> str:
    """Program and libraries: of this installation, and what the trainings recorded."""
    if not facts.software:
        return ""
    now = ", ".join(f"{name} {version}" for name, version in facts.software.items())
    made = sorted(
        {
            f"CT Workbench {model.code_version}" + (f" with torch {model.torch_version}" if model.torch_version else "")
            for model in facts.networks
            if model.code_version
        }
    )
    labels = sorted({row.code_version for row in facts.label_maps if row.code_version})
    return (
        f"This installation: CT Workbench {facts.program}, {now}."
        + (f" Models were trained by {listed(made)}." if made else "")
        + (f" Label maps were made by CT Workbench {listed(labels)}." if labels else "")
    )


def initialization(facts: StudyFacts) -> str:
    """How weights started."""
    seeds = sorted({model.seed for model in facts.networks if model.seed is not None})
    if not facts.models:
        return ""
    shown = listed([str(seed) for seed in seeds]) or UNKNOWN
    taken = [str(model.id) for model in facts.models if model.imported]
    over = f"model {listed(taken)} was trained elsewhere" if taken else "no weights were taken over"
    return f"Random, by torch's own rule (seed {shown}); {over}."


def training(facts: StudyFacts) -> str:
    """Hyperparameters, augmentation, length, machine."""
    model = facts.newest_model
    if model is None:
        return ""
    s = settings_told(model.preset, model.settings)
    changes: Mapping[str, Any] = s.get("augmentation") or {}
    shown = {name: value for name, value in s.items() if name not in ("augmentation", "title", "coordinates")}
    took = f" It took {model.seconds / 60:.1f} min on {model.device or UNKNOWN}." if model.seconds else ""
    flips = "; a flip swaps left and right labels" if changes.get("flip") else ""
    sets = " / ".join(f"{sum(role == one for role in model.roles.values())} {one}" for one in ROLES[:2])
    taught = f"on {sets} subjects, " if model.roles else ""  # the subjects of an imported model are not known here
    taken = sum(one.imported for one in facts.networks)
    here = len(facts.networks) - taken
    made = [f"{counted(here, 'model')} trained"] * bool(here) + [f"{counted(taken, 'model')} imported"] * bool(taken)
    shaped = f" Augmentation: {_pairs(changes) or UNKNOWN}{flips}." if "augmentation" in s or not s else ""
    return (
        f"{listed(made)}. Model {model.id}, preset {model.preset}, {taught}"
        f"labels: {model.label_kind or UNKNOWN}. Settings: {_pairs(shown) or UNKNOWN}.{shaped}{took}"
    )


def folds(facts: StudyFacts) -> str:
    """Which folds were trained, with their figures."""
    dealt = [model for model in facts.models if model.fold is not None]
    if not facts.models:
        return ""
    if not dealt:
        return "No cross-validation: the stored split was used."
    rows = [
        f"fold {(model.fold or 0) + 1} of {model.folds} ({model.preset}): "
        + (_figure(figure) if (figure := model.figure("validation")) else "no figure")
        for model in sorted(dealt, key=lambda model: (model.preset, model.fold or 0))
    ]
    return "; ".join(rows) + "."


def model_selection(facts: StudyFacts) -> str:
    """That no epoch is chosen."""
    return (
        "The weights are those of the last epoch; none was chosen by its validation Dice. Segmentation uses the "
        "newest model that was trained in this study unless another is named; one that was trained elsewhere where "
        "there is no other."
        if facts.models
        else ""
    )


def ensembles(facts: StudyFacts) -> str:
    """Whether outputs are averaged."""
    model = facts.newest_model
    if model is None:
        return ""
    usual = bool(model.settings.get("mirror_average"))
    usual_of = {one.id: bool(one.settings.get("mirror_average")) for one in facts.models}
    maps = [row for row in facts.label_maps if row.model_id is not None and row.current]
    how = [usual_of.get(row.model_id or 0, usual) if row.flips is None else row.flips for row in maps] or [usual]
    members_of = {one.id: one.members for one in facts.models if one.members}
    used = sorted({row.model_id for row in maps if row.model_id in members_of})
    text = "No ensemble of models." if not used else ""
    for number in used:
        own = [str(member) for member in members_of[number]]
        made = sum(row.model_id == number for row in maps)
        text += (
            f" In {made} of {counted(len(maps), 'label map')} the probabilities of models {listed(own)} are averaged."
        )
    if any(how):
        some = "" if all(how) else f" in {sum(how)} of {counted(len(how), 'label map')}, in the others the image alone"
        each = "A" if used else "One"
        text += f" {each} model's output for the image and for its mirror image (labels swapped) is averaged{some}."
    if pieced := sum(row.windows is True for row in maps):
        text += f" Of {counted(len(maps), 'label map')}, {pieced} came from windows that overlap by half."
    if devices := sorted({row.device for row in maps if row.device}):
        text += f" The networks ran on {listed([{'cpu': 'a CPU', 'cuda': 'a GPU'}.get(one, one) for one in devices])}."
    return text.strip()


def metrics(facts: StudyFacts) -> str:
    """What is measured of a network."""
    return (
        "Dice of each region, averaged over regions, then over scans, on the scan's own grid. Against labels of the "
        "registration it is called agreement with pseudo-labels, against labels of an expert Dice; the two are never "
        "averaged. A region in neither map is left out."
        if facts.models
        else ""
    )


def statistics_methods(facts: StudyFacts) -> str:
    """How the tables test."""
    if not facts.volumes:
        return ""
    families = {test.family for test in facts.tests}
    return (
        "Tables: sets compared by age and sex; mean ± SD by sex; least squares on sex and age; rank correlation with "
        "age; paired t-test of right against left by sex. Each with n, 95 % interval, exact two-sided p, and p "
        f"corrected within its family (Holm; Benjamini–Hochberg); {counted(len(facts.tests), 'test')} in "
        f"{counted(len(families), 'family', 'families')} in this study."
    )


def inspection(facts: StudyFacts) -> str:
    """What a reader can look at."""
    return (
        "No saliency method. Every label map is seen over its image in three planes, with the mean probability of the "
        "winning class as a score; that of a network also with a map of its uncertainty, the entropy of the mean of "
        "all answers over the greatest possible."
        if facts.models
        else ""
    )


def internal_evaluation(facts: StudyFacts) -> str:
    """Validation figures."""
    rows = [(model, figure) for model in facts.models if (figure := model.figure("validation")) is not None]
    return "; ".join(f"Model {model.id}, validation: {_figure(figure)}" for model, figure in rows) + "." if rows else ""


def external_testing(facts: StudyFacts) -> str:
    """Sites of the test set that no training saw."""
    role_of = facts.role_of
    learned = {scan.site for scan in facts.scans if role_of.get(scan.subject) in ("train", "validation")}
    tested = {scan.site for scan in facts.scans if role_of.get(scan.subject) == "test"}
    if not tested:
        return ""
    outside = sorted(site or f"site {UNKNOWN}" for site in tested - learned)
    return (
        f"Test subjects of sites that no training saw: {listed(outside)}."
        if outside
        else "All test subjects come from sites that took part in the training: there are no external data in this "
        "study."
    )


def figures(facts: StudyFacts) -> str:
    """All figures with their kind, number and interval."""
    parts = [
        f"model {model.id} ({model.network}, {model.preset}{_fold(model)}{_mean(model)}): "
        + "; ".join(f"{figure.role} {_figure(figure)}" for figure in sorted(model.figures, key=_order))
        for model in facts.models
        if model.figures
    ]
    return ". ".join(text[0].upper() + text[1:] for text in parts) + "." if parts else ""


def diagnostic_performance(facts: StudyFacts) -> str:
    """That nothing is diagnosed."""
    return (
        "Nothing is diagnosed: the output is volumes, whose place in a norm is reported under TRIPOD+AI."
        if facts.scans
        else ""
    )


def availability(facts: StudyFacts) -> str:
    """Licence of the program, hashes of the weights."""
    hashes = listed([f"model {model.id} {model.weights_hash[:16]}" for model in facts.networks if model.weights_hash])
    return (
        f"Program: CT Workbench {facts.program}, Apache-2.0."
        + (f" Weights (SHA-256): {hashes}; kept in the study's folder." if hashes else "")
        if facts.program
        else ""
    )


def class_imbalance(facts: StudyFacts) -> str:
    """Weights of classes in the training; none in the norm."""
    model = facts.newest_model
    balanced = model is not None and bool(model.settings.get("balanced"))
    if model is None and facts.norm is None:
        return ""
    text = "The norm predicts volumes: there are no classes."
    if model is not None:
        text += (
            " In the network's loss each class weighs one over the root of its share of voxels."
            if balanced
            else " The network's loss does not weigh its classes."
        )
    return text


def _figure(figure: Figure) -> str:
    """One figure in words: "agreement with pseudo-labels 0.861 ± 0.020 (n 14, 95 % interval 0.849 to 0.873)"."""
    measured = {EXPERT: "Dice against expert labels", TRUTH: "Dice against the truth of digital phantoms"}
    kind = measured.get(figure.kind, f"agreement with {figure.kind}")
    text = f"{kind} {figure.mean:.3f}"
    if figure.sd is None or figure.n is None or figure.n < 2:
        return text + (f" (n {figure.n})" if figure.n is not None else f" (n and SD {UNKNOWN})")
    from scipy.special import stdtrit

    half = float(stdtrit(figure.n - 1, 0.975)) * figure.sd / math.sqrt(figure.n)
    return (
        f"{text} ± {figure.sd:.3f} (n {figure.n}, 95 % interval of the mean {figure.mean - half:.3f} to "
        f"{min(1.0, figure.mean + half):.3f})"
    )


def _fold(model: ModelFact) -> str:
    return "" if model.fold is None else f", fold {model.fold + 1}"


def _mean(model: ModelFact) -> str:
    return f", mean of models {listed([str(number) for number in model.members])}" if model.members else ""


def _order(figure: Figure) -> tuple[int, str]:
    return ROLES.index(figure.role), figure.kind


def _pairs(values: Mapping[str, Any]) -> str:
    """Names and values for a sentence."""
    return ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "×".join(str(part) for part in value)  # pyright: ignore[reportUnknownArgumentType]
    return f"{value:g}" if isinstance(value, float) else str(value)


ANSWERS: tuple[Answer, ...] = (
    kind_of_model,
    intended_use,
    network,
    software,
    initialization,
    training,
    folds,
    model_selection,
    ensembles,
    metrics,
    statistics_methods,
    inspection,
    internal_evaluation,
    external_testing,
    figures,
    diagnostic_performance,
    availability,
    class_imbalance,
)

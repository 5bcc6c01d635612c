"""Warnings about who trained, who was kept for the test, and what the figures of a model are held against."""

import math
from collections import Counter
from collections.abc import Mapping

from ctworkbench.core.methods.facts import EXPERT, ROLES, UNKNOWN, Figure, LabelMapFact, ModelFact, StudyFacts
from ctworkbench.core.methods.soundness import Basis, Severity, SoundnessWarning, counted, listed, named

_LEARNED = ("train", "validation")


def leaked_test_subjects(facts: StudyFacts) -> list[SoundnessWarning]:
    """A subject of the stored test set that a model was shown."""
    locked = {code for code, role in facts.role_of.items() if role == "test"}
    rows = [
        Basis("model", str(model.id), f"model {model.id} was shown {code} ({model.roles[code]})", code)
        for model in facts.models
        for code in sorted(locked & {code for code, role in model.roles.items() if role in _LEARNED})
    ]
    if not rows:
        return []
    return [
        SoundnessWarning(
            "leaked_test_subjects",
            Severity.SERIOUS,
            f"{counted(len({row.subject for row in rows}), 'test subject')} took part in a training: "
            f"{named(row.subject for row in rows)}.",
            "Test figures of these models are too good: they were taken on children the model knows.",
            "Leave these models out, or train again without the test subjects.",
            tuple(rows),
        )
    ]


def split_sizes_disagree(facts: StudyFacts) -> list[SoundnessWarning]:
    """Sizes of the stored split, of each model's own and of the tables (article: 1,041/446 in the text, 1,074/413)."""
    stored = facts.role_of
    rows: list[Basis] = []
    for model in facts.models:
        if model.fold is not None:  # a fold deals training and validation anew; their sum must be the same
            ours = sum(role in _LEARNED for role in stored.values())
            theirs = len(model.roles)
            if ours != theirs:
                text = f"model {model.id}, fold {model.fold + 1}: {theirs} subjects; stored split: {ours} to learn from"
                rows.append(Basis("model", str(model.id), text))
            continue
        moved = {code for code, role in model.roles.items() if stored.get(code) not in (role, "test", None)}
        ours, theirs = _sizes(stored), _sizes(model.roles)
        if moved or any(ours[role] != theirs[role] for role in _LEARNED):
            rows.append(
                Basis("model", str(model.id), f"model {model.id}: {_text(theirs)}; stored split: {_text(ours)}")
            )
    measured = {row.subject for row in facts.volumes}
    of_tables = _sizes({code: role for code, role in stored.items() if code in measured})
    ours = _sizes(stored)
    if measured and stored and of_tables != ours:
        rows.append(Basis("table", "volumes", f"tables: {_text(of_tables)}; stored split: {_text(ours)}"))
    if not rows:
        return []
    return [
        SoundnessWarning(
            "split_sizes_disagree",
            Severity.CAUTION,
            f"The sizes of the split differ between its places: {rows[0].text}.",
            "A reader who finds two sizes of one set cannot know which children a figure is about.",
            "Give each figure the sizes of its own training, and say who is in the split and not in the tables.",
            tuple(rows),
        )
    ]


def held_out_above_train(facts: StudyFacts) -> list[SoundnessWarning]:
    """Dice of children the network never saw above that of those it learned from (article: test 0.96, train 0.92)."""
    rows: list[tuple[str, Basis]] = []
    for model in facts.models:
        train = model.figure("train")
        for role in ("test", "validation"):
            figure = model.figure(role)
            if train is None or figure is None or figure.mean <= train.mean:
                continue
            text = f"model {model.id}: {role} {figure.mean:.3f}{_spread(figure)}, train {train.mean:.3f}"
            rows.append((role, Basis("model", str(model.id), text)))
    if not rows:
        return []
    test = [row for role, row in rows if role == "test"]
    return [
        SoundnessWarning(
            "held_out_above_train",
            Severity.SERIOUS if test else Severity.NOTE,
            "Dice is higher on children that were held out than on those learned from: "
            f"{(test or [rows[0][1]])[0].text}.",
            "A network does better on what it has seen. Where it does not, the sets differ in kind or difficulty, "
            "leak, or are measured in two ways (train on the network's grid, held-out scans on their own).",
            "Measure both on the scans' own grids against labels of one kind, and explain what is left.",
            tuple(row for _, row in rows),
        )
    ]


def imitated_test_labels(facts: StudyFacts) -> list[SoundnessWarning]:
    """Labels of the test set that the same template's registration drew as those learned from."""
    learned = {row.template for row in facts.references("train") if row.origin == "registration"}
    test = facts.references("test")
    same = [row for row in test if row.origin == "registration" and row.template in learned]
    if not same:
        return []
    measured = any(model.figure("test") for model in facts.models)
    return [
        SoundnessWarning(
            "imitated_test_labels",
            Severity.SERIOUS if measured else Severity.CAUTION,
            f"{len(same)} of {counted(len(test), 'label map')} of the test set came by registration from the template "
            f"of the training labels ({named({_template(row) for row in same})}).",
            "Test Dice then measures how well the network imitates the registration, errors included; it is no "
            "accuracy.",
            "Let an expert draw or correct the test set's label maps, and call the figure agreement with "
            "pseudo-labels until then.",
            tuple(Basis("scan", str(row.scan_id), f"{row.subject}: {_template(row)}", row.subject) for row in same),
        )
    ]


def model_drawn_test_labels(facts: StudyFacts) -> list[SoundnessWarning]:
    """Expert labels of the test set that are corrections of a network's own output."""
    test = facts.references("test")
    rows = [row for row in test if row.origin == "expert" and row.machine == "model"]
    if not rows:
        return []
    return [
        SoundnessWarning(
            "model_drawn_test_labels",
            Severity.CAUTION,
            f"{len(rows)} of {counted(len(test), 'label map')} of the test set are corrections of a model's output.",
            "What a reader leaves as it is counts for the model: Dice against such labels is too high, most of all "
            "for the model that drew them.",
            "Draw the test set's labels from nothing, or from a method that is not tested.",
            tuple(
                Basis("scan", str(row.scan_id), f"{row.subject}: drawn from model {row.model_id}", row.subject)
                for row in rows
            ),
        )
    ]


def reopened_test_set(facts: StudyFacts) -> list[SoundnessWarning]:
    """Several models that were measured on one test set."""
    opened: dict[tuple[str, str, str], ModelFact] = {}
    for model in facts.models:
        if model.figure("test") is not None:
            # folds of one cross-validation are one opening
            opened.setdefault(
                (model.network, model.preset, "folds" if model.fold is not None else str(model.id)), model
            )
    if len(opened) < 2:
        return []
    rows = [
        Basis("model", str(model.id), f"model {model.id} ({model.network}, {model.preset}): test {figure.mean:.3f}")
        for model in opened.values()
        if (figure := model.figure("test")) is not None
    ]
    return [
        SoundnessWarning(
            "reopened_test_set",
            Severity.CAUTION,
            f"The test set was opened for {len(rows)} trainings.",
            "The best of several figures on one test set is too good by chance, and choosing by it makes the test "
            "set a validation set.",
            "Choose by validation alone. Report the test figure of the one model that was chosen beforehand, or all "
            "of them.",
            tuple(rows),
        )
    ]


def no_fold_results(facts: StudyFacts) -> list[SoundnessWarning]:
    """Cross-validation that was announced and is not there, or figures that rest on one split."""
    if not facts.models:
        return []
    done: dict[tuple[str, str, int], set[int]] = {}
    for model in facts.models:
        key = (model.network, model.preset, model.folds)
        done.setdefault(key, set()).update([] if model.fold is None else [model.fold])
    open_ones = [(key, folds) for key, folds in done.items() if key[2] > 1 and len(folds) < key[2]]
    if open_ones:
        rows = [
            Basis("model", str(_newest(facts, key).id), f"{key[0]}, {key[1]}: {len(folds)} of {key[2]} folds")
            for key, folds in open_ones
        ]
        return [
            SoundnessWarning(
                "no_fold_results",
                Severity.CAUTION,
                f"Cross-validation is not complete: {listed([row.text for row in rows])}.",
                "A mean over some folds leaves out children, and which ones was not decided beforehand.",
                "Train the folds that are missing, and report each fold with mean and SD.",
                tuple(rows),
            )
        ]
    if any(key[2] > 1 for key in done):
        return []
    rows = [
        Basis("model", str(model.id), f"model {model.id}: {model.network}, {model.preset}") for model in facts.models
    ]
    return [
        SoundnessWarning(
            "no_fold_results",
            Severity.NOTE,
            "The figures rest on one split; there are no folds.",
            "How much they would change with other children in the sets is not known.",
            "Say so, or train with a preset that cross-validates and report each fold.",
            tuple(rows),
        )
    ]


def labelled_by_own_model(facts: StudyFacts) -> list[SoundnessWarning]:
    """Volumes of children whose label map goes back to a model that was trained on them."""
    roles = {model.id: model.roles for model in facts.models}
    measured = {row.label_map for row in facts.volumes}
    rows = [
        row
        for row in facts.current
        if row.id in measured
        and row.machine == "model"
        and row.model_id is not None
        and roles.get(row.model_id, {}).get(row.subject) == "train"
    ]
    if not rows:
        return []
    return [
        SoundnessWarning(
            "labelled_by_own_model",
            Severity.SERIOUS,
            f"{counted(len({row.subject for row in rows}), 'subject')} with labels of a model that was trained on "
            f"them, or with corrections of such labels: {named(row.subject for row in rows)}.",
            "Where no reader corrected them, their volumes tell how well the model remembers what it was shown, and "
            "not what it does on a new child.",
            "Use the label maps that the model learned from, or cross-validate and take each child from the fold "
            "that did not see it.",
            tuple(
                Basis(
                    "scan",
                    str(row.scan_id),
                    f"{row.subject}: labels of model {row.model_id}, in its training set",
                    row.subject,
                )
                for row in rows
            ),
        )
    ]


def _template(row: LabelMapFact) -> str:
    return row.template or f"template {UNKNOWN}"


def _newest(facts: StudyFacts, key: tuple[str, str, int]) -> ModelFact:
    return max((m for m in facts.models if (m.network, m.preset, m.folds) == key), key=lambda model: model.id)


def _sizes(roles: Mapping[str, str]) -> dict[str, int]:
    counts = Counter(roles.values())
    return {role: counts[role] for role in ROLES}


def _text(sizes: Mapping[str, int]) -> str:
    return " / ".join(f"{number:,} {role}" for role, number in sizes.items())


def _spread(figure: Figure) -> str:
    if figure.n is None or figure.sd is None or figure.n < 2:
        return "" if figure.kind == EXPERT else f" ({figure.kind})"
    kind = "" if figure.kind == EXPERT else f" against {figure.kind}"
    return f" (n {figure.n}, SE {figure.sd / math.sqrt(figure.n):.3f}{kind})"

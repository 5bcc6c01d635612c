"""A comparison as it stands: figures of every configuration, tests between them, and what must be said with both."""

from dataclasses import dataclass
from functools import cached_property

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model_comparison.measures import (
    ALL_REGIONS,
    MEASURES,
    ComparedRun,
    Measure,
    Values,
    kinds_of,
    parts_of,
    subject_values,
    untold_regions,
)
from ctworkbench.core.model_comparison.paired import LEAST, TESTS, PairedTest, Test, paired_tests
from ctworkbench.core.model_comparison.plan import Plan
from ctworkbench.core.schemes import load
from ctworkbench.core.splits import Role
from ctworkbench.core.training import LABEL_KINDS, LabelKind
from ctworkbench.core.wording import count

_FEW = 10


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """What a comparison found.

    Attributes:
        name: of the comparison.
        plan: what was to be done.
        runs: the trainings that are done and have figures by case.
        unmeasured: models of trainings that are done and have none.
        openings: for how many comparisons and models the locked test set of the study was opened.
    """

    name: str
    plan: Plan
    runs: tuple[ComparedRun, ...]
    unmeasured: tuple[int, ...] = ()
    openings: int = 0

    @property
    def titles(self) -> list[str]:
        """The configurations in words."""
        return [configuration.title for configuration in self.plan.configurations]

    @cached_property
    def regions(self) -> dict[str, str]:
        """Name → title, the mean over regions first."""
        return {ALL_REGIONS: "Mean of the regions"} | {r.name: r.title for r in load(self.plan.scheme).regions}

    @cached_property
    def kinds(self) -> list[LabelKind]:
        """Kinds of labels that there are figures against."""
        return kinds_of(self.runs)

    @cached_property
    def parts(self) -> list[Role]:
        """Parts that were held out."""
        return parts_of(self.runs)

    def of(self, configuration: int) -> list[ComparedRun]:
        """Trainings of one configuration."""
        return [run for run in self.runs if run.configuration == configuration]

    def values(self, configuration: int, measure: Measure, region: str, part: Role, kind: LabelKind) -> Values:
        """The numbers of one configuration by subject; a mean over regions is over the same ones in all."""
        left_out = untold_regions(self.runs, measure, part, kind) if region == ALL_REGIONS else None
        return subject_values(self.of(configuration), measure, region, part, kind, left_out)

    def tests(self, measure: Measure, part: Role, kind: LabelKind, test: Test = "wilcoxon") -> list[PairedTest]:
        """Every pair of configurations, in the mean of the regions and in each; p of the mean is a family of its own.

        Raises:
            WorkbenchError: no two configurations have a subject in common.
        """
        places = range(len(self.plan.configurations))
        by_region = {
            region: [self.values(place, measure, region, part, kind).of for place in places] for region in self.regions
        }
        mean = paired_tests({ALL_REGIONS: by_region.pop(ALL_REGIONS)}, test)
        if not any(row.difference.n for row in mean):
            raise WorkbenchError(
                f"No two configurations of {self.name} have figures of one subject in common, against "
                f"{LABEL_KINDS[kind]}.",
                "Let the trainings that are missing go on.",
            )
        return [*mean, *paired_tests(by_region, test)]

    def warnings(self, test: Test = "wilcoxon") -> list[str]:
        """What speaks against the figures, the gravest first, a sentence or two each."""
        return [*_flattered(self), *_unfinished(self), *_undefined(self), *_few(self, test)]

    def notes(self, test: Test = "wilcoxon") -> list[str]:
        """What a reader must know: the warnings, then how the numbers were made."""
        return [*self.warnings(test), *_ways(self, test)]


def need_figures(result: ComparisonResult) -> None:
    """Refuse a comparison that has nothing to show yet.

    Raises:
        WorkbenchError: no training is done, or none that is has figures by case.
    """
    if result.runs:
        return
    if result.unmeasured:
        raise WorkbenchError(
            f"{_without(result.unmeasured)}: an older program trained it, or it was not measured yet.",
            "Let the comparison go on: it measures what is missing.",
        )
    raise WorkbenchError(f"No training of {result.name} is done yet.", "Let the comparison go on.")


def _without(models: tuple[int, ...]) -> str:
    has = f"Model {models[0]} has" if len(models) == 1 else f"Models {', '.join(map(str, models))} have"
    return f"{has} no figures by case"


def _flattered(result: ComparisonResult) -> list[str]:
    """Where a network does better on heads it has not seen than on those it learned from, something is wrong."""
    dice, found = MEASURES[0], list[str]()
    for place, title in enumerate(result.titles):
        for kind in result.kinds:
            train = result.values(place, dice, ALL_REGIONS, "train", kind).mean
            for part in result.parts:
                other = result.values(place, dice, ALL_REGIONS, part, kind).mean
                if train is not None and other is not None and train < other:
                    found.append(
                        f"{title}: Dice is lower on its own training cases ({train:.3f}) than on the {part} cases "
                        f"({other:.3f}), against {LABEL_KINDS[kind]}. A network knows its training cases best: look "
                        "for easier cases or labels in that set, subjects in both, or a training that ended too early."
                    )
    return found


def _unfinished(result: ComparisonResult) -> list[str]:
    planned, done = len(result.plan.runs), len(result.runs)
    found: list[str] = []
    if done < planned:
        counts = [len(result.of(place)) for place in range(len(result.titles))]
        each = ", ".join(f"{title} {number}" for title, number in zip(result.titles, counts, strict=True))
        found.append(f"{done} of {count(planned, 'training')} are done ({each}): the figures are not final.")
    if result.unmeasured:
        found.append(f"{_without(result.unmeasured)} and stay out. Let the comparison go on: it measures them.")
    cautions = dict.fromkeys(f"Model {run.model_id}: {text}" for run in result.runs for text in run.cautions)
    found += cautions
    for name, words in (("device", "devices"), ("code_version", "versions of the program")):
        seen = sorted({str(getattr(run, name)) for run in result.runs if getattr(run, name)})
        if len(seen) > 1:
            found.append(f"The trainings ran on different {words}: {', '.join(seen)}.")
    return found


def _undefined(result: ComparisonResult) -> list[str]:
    """There is no distance to a region that was not found: how often that was must be told with HD95."""
    hd95, found = MEASURES[2], list[str]()
    for place, title in enumerate(result.titles):
        for part in result.parts:
            missing = sum(result.values(place, hd95, ALL_REGIONS, part, kind).undefined for kind in result.kinds)
            if missing:
                found.append(
                    f"{title}: in {count(missing, f'region of a {part} case', f'regions of {part} cases')} the network "
                    "or the reference has no such region. There HD95 is not defined: such a region of a subject is "
                    "left out of the mean of all configurations. Dice and surface Dice are 0."
                )
    return found


def _few(result: ComparisonResult, test: Test) -> list[str]:
    found: list[str] = []
    for kind in result.kinds:
        for part in result.parts:
            ns = [
                len(result.values(place, MEASURES[0], ALL_REGIONS, part, kind).of)
                for place in range(len(result.titles))
            ]
            n = min((n for n in ns if n), default=0)
            against = f"against {LABEL_KINDS[kind]}"
            if 0 < n < LEAST[test]:
                found.append(
                    f"{count(n, f'{part} subject')} {against}: too few for the {_spoken(test)}, which needs "
                    f"{LEAST[test]}. The differences are shown without p."
                )
            elif 0 < n < _FEW:
                found.append(
                    f"{count(n, f'{part} subject')} {against}: few. Bootstrap intervals of so few are too narrow, and "
                    "only large differences are found."
                )
    return found


def _ways(result: ComparisonResult, test: Test) -> list[str]:
    """How the numbers were made; said every time, since each has been done wrong in print."""
    plan = result.plan
    subjects = {case.subject for run in result.runs for case in run.figures if case.part in result.parts}
    trainings = max((len(result.of(place)) for place in range(len(result.titles))), default=0)
    found: list[str] = []
    if trainings > 1:
        found.append(
            f"The unit is the subject: a number is first averaged over the {trainings} trainings of a configuration, "
            f"then over {count(len(subjects), 'subject')}. Repeats and folds are no further subjects: to read them as "
            "such makes p too small."
        )
    else:
        found.append("One training of each configuration: what another seed would change is not known. Repeat it.")
    if plan.folds > 1:
        found.append(
            "The trainings of a cross-validation share most of their training cases, so that subjects of different "
            "folds are not quite independent: read p near 0.05 with care."
        )
    if "pseudo" in result.kinds:
        found.append("Against pseudo-labels a figure is agreement with the registration that made them, not accuracy.")
    found.append(
        f"{TESTS[test]}, two-sided, over the subjects that both configurations have. Of one measure, one kind of "
        "labels and one set, p of the mean of the regions is corrected over the pairs, p of the regions over pairs "
        "and regions together (Holm; Benjamini and Hochberg)."
    )
    if "test" in result.parts:
        found.append(
            f"The test set of this study was opened {_times(result.openings)}, by a final test or by labelling its "
            "scans with a model. To choose by what it says makes it a validation set."
        )
    else:
        found.append(
            "The configuration that is best in validation was chosen by it, and looks better there than it is: the "
            "final test tells."
        )
    found.append("Figures of the training set are of up to ten of its subjects, on the scans' own grids as all others.")
    return found


def _spoken(test: Test) -> str:
    """The test within a sentence: Wilcoxon keeps his capital."""
    return TESTS[test] if test == "wilcoxon" else TESTS[test].lower()


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")

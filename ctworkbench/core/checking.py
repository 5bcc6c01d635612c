"""Run the automatic checks over label maps: files in, findings out; one check that fails does not stop the others."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from pydantic import BaseModel, ConfigDict

from ctworkbench.core import plugins, schemes
from ctworkbench.core.check_case import CheckCase, Head, make_case
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.findings import Finding, Severity
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume, read_nifti

log = logging.getLogger(__name__)

READING = "reading"
"""Name of the finding that tells that a label map could not be checked at all."""
UNPREPARED = "not checked: the scan is not preprocessed"

_Find = Callable[[CheckCase], list[Finding]]


class CheckTask(BaseModel):
    """One label map to check.

    Attributes:
        annotation: id of the annotation that the findings belong to.
        title: what people call it, such as "P001, version 2".
        labels: NIfTI label map on the scan's own grid.
        image: HU at 1 mm, brain: mask of the inside of the skull, both from `preprocess`; None where there are none.
        scores: what the registration told of itself.
        other: label map that another machine made of the same scan; None where there is none.
        other_title: what that one is called.
        uncertainty: of the networks that made it; None where none is kept, and for what a hand has drawn.
        networks, passes: how many networks and answers that is the mean of.
    """

    model_config = ConfigDict(frozen=True)

    annotation: int
    title: str = ""
    labels: Path
    image: Path | None = None
    brain: Path | None = None
    scores: dict[str, float] = {}
    other: Path | None = None
    other_title: str = ""
    uncertainty: Path | None = None
    networks: int = 1
    passes: int = 1


class CheckParams(BaseModel):
    """What to check.

    Attributes:
        cases: the label maps.
        scheme: name of their region scheme.
        checks: names of checks; all that are installed if empty.
    """

    model_config = ConfigDict(frozen=True)

    cases: tuple[CheckTask, ...]
    scheme: str = schemes.DEFAULT
    checks: tuple[str, ...] = ()


class Found(NamedTuple):
    """A finding and the annotation that it belongs to."""

    annotation: int
    finding: Finding


class CheckAnswer(BaseModel):
    """What was found, and a sentence for every check that could not be done."""

    model_config = ConfigDict(frozen=True)

    rows: list[Found]
    problems: list[str]


def check(params: CheckParams, context: JobContext) -> CheckAnswer:
    """Check every label map; what was checked before the job was cut off is not checked again."""
    scheme = schemes.load(params.scheme)
    names = params.checks or tuple(plugins.names(plugins.CHECKS))
    rows: list[Found] = []
    problems: list[str] = []
    for done, case in enumerate(params.cases):
        context.progress(done / len(params.cases), f"Checking {done + 1} of {len(params.cases)}")
        kept = context.folder / f"checked_{case.annotation}.json"
        if kept.exists():
            answer = CheckAnswer.model_validate_json(kept.read_text(encoding="utf-8"))
        else:
            answer = _check_case(case, scheme, names)
            replace_text(kept, answer.model_dump_json())
        rows += answer.rows
        problems += answer.problems
    context.progress(1.0, f"Checked {len(params.cases)} label maps")
    return CheckAnswer(rows=rows, problems=problems)


def findings_of(case: CheckCase, names: Sequence[str]) -> list[Finding]:
    """What the named checks find; one that cannot be done, or that fails, is told as `not done`."""
    empty = not case.voxels[1:].any()
    found: list[Finding] = []
    for name in names:
        module = plugins.load(plugins.CHECKS, name)
        if empty and name != "missing":
            continue  # an empty label map is one fault, not a dozen
        if cast(bool, module.NEEDS_HEAD) and case.hu is None:
            found.append(_not_done(name, UNPREPARED))
            continue
        try:
            found += cast(_Find, module.find)(case)
        except Exception as error:  # told to the reader and the log; the other checks go on
            log.warning("the check %s failed", name, exc_info=True)
            found.append(_not_done(name, f"this check failed: {error or type(error).__name__}"))
    return found


def _check_case(task: CheckTask, scheme: Scheme, names: Sequence[str]) -> CheckAnswer:
    label = task.title or f"Annotation {task.annotation}"
    try:
        labels = read_nifti(task.labels)
        head = None
        if task.image is not None and task.brain is not None:
            head = Head(read_nifti(task.image).oriented(), read_nifti(task.brain).oriented())
            if not head.image.grid.matches(head.brain.grid):
                raise WorkbenchError("Image and brain mask do not lie on one grid.", "Preprocess the scan again.")
        other: Volume | None = None if task.other is None else read_nifti(task.other)
        doubt: Volume | None = None if task.uncertainty is None else read_nifti(task.uncertainty)
        case = make_case(labels, scheme, head, task.scores, other, task.other_title, doubt, task.networks, task.passes)
    except WorkbenchError as error:
        said = f"could not be checked: {error}"
        return CheckAnswer(rows=[Found(task.annotation, _not_done(READING, said))], problems=[f"{label} {said}"])
    found = findings_of(case, names)
    failed = [one for one in found if one.severity is Severity.NOT_DONE and one.sentence != UNPREPARED]
    return CheckAnswer(
        rows=[Found(task.annotation, one) for one in found],
        problems=[f"{label}, {one.check}: {one.sentence}" for one in failed],
    )


def _not_done(check: str, sentence: str) -> Finding:
    return Finding(check, "", 0.0, "", Severity.NOT_DONE, 0.0, sentence)

"""Answers of a study about its label maps, their readers, and how its children were dealt into sets."""

from collections import Counter
from collections.abc import Iterable
from statistics import median

from ctworkbench.core.methods.cohort_answers import tally
from ctworkbench.core.methods.facts import ROLES, UNKNOWN, Answer, LabelMapFact, StudyFacts
from ctworkbench.core.methods.label_checks import read_twice
from ctworkbench.core.methods.soundness import counted, listed


def label_sources(facts: StudyFacts) -> str:
    """Where the label maps that count come from."""
    if not facts.current:
        return ""
    return f"Label maps that count: {_origins(facts.current)}."


def reference_standard(facts: StudyFacts) -> str:
    """How reference labels came to be: template, preset, correction, verdict."""
    if not facts.label_maps:
        return ""
    made = Counter((row.template, row.preset) for row in facts.label_maps if row.origin == "registration")
    ways = [
        f"template {template or UNKNOWN}, preset {preset or UNKNOWN} ({n})" for (template, preset), n in made.items()
    ]
    drawn = sum(row.origin == "expert" for row in facts.label_maps)
    references = [row for role in ROLES for row in facts.references(role)]
    return (
        f"Regions of the scheme {facts.scheme}. Made by registration: {listed(ways) or 'none'}. "
        f"{counted(drawn, 'version')} drawn or corrected by a reader. Accepted as reference of a set: "
        f"{_origins(references) or 'none yet'}."
    )


def readers(facts: StudyFacts) -> str:
    """How many readers gave how many verdicts in which time; no names."""
    verdicts = [verdict for row in facts.label_maps for verdict in row.verdicts]
    if not verdicts:
        return ""
    read = [verdict for verdict in verdicts if verdict.read]
    each = sorted(Counter(verdict.reader for verdict in verdicts).values(), reverse=True)
    shares = listed([str(number) for number in each])
    time = f", in {median([v.seconds for v in read]):.0f} s (median)" if read else ""
    return (
        f"{counted(len(each), 'reader')} gave {counted(len(verdicts), 'verdict')} ({shares}); {len(read)} with the "
        f"label map on the screen{time}. Last verdicts: "
        f"{tally(Counter(row.verdict for row in facts.label_maps if row.verdict))}."
    )


def reader_variability(facts: StudyFacts) -> str:
    """Label maps that two readers judged, and how often they agreed."""
    if not any(row.verdicts for row in facts.label_maps):
        return ""
    twice = read_twice(facts)
    if not twice:
        return "No label map was judged by two readers: variability was not measured."
    same = sum(equal for _, equal in twice)
    return (
        f"{counted(len(twice), 'label map')} of {counted(len({code for code, _ in twice}), 'subject')} were judged by "
        f"two readers or more; the last verdicts are the same in {same} ({100 * same / len(twice):.0f} %)."
    )


def labels_of_test_set(facts: StudyFacts) -> str:
    """What the test set is measured against."""
    members = sum(role == "test" for role in facts.role_of.values())
    if not members:
        return ""
    rows = facts.references("test")
    if not rows:
        return f"{counted(members, 'test subject')}; none has an accepted label map that no model made."
    corrected = sum(row.origin == "expert" for row in rows)
    return f"Test set: {_origins(rows)}; {corrected} of {len(rows)} drawn or corrected by a reader." + (
        "" if corrected == len(rows) else " Dice against the others is agreement with pseudo-labels."
    )


def split_rule(facts: StudyFacts) -> str:
    """How roles were given."""
    if not facts.role_of:
        return ""
    return (
        "By subject, 60 % training, 20 % validation, 20 % test, in the order of a SHA-256 hash of seed and subject "
        f"code (seed {facts.split_seed}); made at the first training, stored, and never changed. Subjects accepted "
        "later are dealt in the same way, or join the training where they are fewer than three. "
        "Subjects on whose scan a template is drawn always train."
    )


def split_sizes(facts: StudyFacts) -> str:
    """Sizes of the sets by sex."""
    if not facts.role_of:
        return ""
    parts: list[str] = []
    for role in ROLES:
        sexes = Counter(subject.sex for subject in facts.subjects if subject.role == role)
        unknown = f", {sexes[None]} unknown" if sexes[None] else ""
        parts.append(
            f"{role} {sum(sexes.values())} ({counted(sexes['M'], 'boy')}, {counted(sexes['F'], 'girl')}{unknown})"
        )
    return f"Subjects: {'; '.join(parts)}."


def split_level(facts: StudyFacts) -> str:
    """That sets are disjoint by subject, and whether a model broke it."""
    if not facts.role_of:
        return ""
    locked = {code for code, role in facts.role_of.items() if role == "test"}
    shown = {code for model in facts.models for code in model.roles} & locked
    return (
        "Disjoint by subject: all scans of a child are in one set. Test subjects that a training was shown: "
        f"{counted(len(shown), 'subject')}."
    )


def size_of_test_set(facts: StudyFacts) -> str:
    """How many test subjects there are."""
    number = sum(role == "test" for role in facts.role_of.values())
    return f"The test set holds {counted(number, 'subject')}." if facts.role_of else ""


def blinding(facts: StudyFacts) -> str:
    """What the review window shows."""
    if not any(row.verdicts for row in facts.label_maps):
        return ""
    return "The review window shows sex, age and the origin of the label map; readers were not blind to them."


def failures(facts: StudyFacts) -> str:
    """Rejections with their reasons, and regions that were not found."""
    if not facts.label_maps:
        return ""
    bad = [row for row in facts.label_maps if row.verdict in ("reject", "needs edits")]
    reasons = Counter(reason for row in bad for reason in row.verdicts[-1].reasons)
    why = f" ({tally(reasons)})" if reasons else ", no reasons given" if bad else ""
    gone = Counter(row.region for row in facts.volumes if not row.volume_cm3 > 0)
    return (
        f"{len(bad)} of {counted(len(facts.label_maps), 'label map')} were rejected or need edits{why}. Regions not "
        f"found: {tally(gone) if gone else 'none'}."
    )


def sources_measured(facts: StudyFacts) -> str:
    """Whether more than one way of labelling was measured."""
    origins = sorted({row.origin for row in facts.label_maps})
    if not facts.volumes:
        return ""
    return f"Label maps of {listed(origins)} exist; `ctworkbench stats --source` gives the tables of each kind."


def outcome(facts: StudyFacts) -> str:
    """The volumes, and where they are counted."""
    if not facts.volumes:
        return ""
    scans = {row.scan_id for row in facts.volumes}
    return (
        f"Outcome: volume in cm³ of {len({row.region for row in facts.volumes})} regions, voxels × the determinant of "
        f"the affine on the scan's own grid; {counted(len(scans), 'scan')} measured, boys and girls in the same way."
    )


def _origins(rows: Iterable[LabelMapFact]) -> str:
    names = {"registration": "registration", "expert": "drawn or corrected by a reader", "model": "model"}
    return tally(Counter(names.get(row.origin, row.origin) for row in rows))


ANSWERS: tuple[Answer, ...] = (
    label_sources,
    reference_standard,
    readers,
    reader_variability,
    labels_of_test_set,
    split_rule,
    split_sizes,
    split_level,
    size_of_test_set,
    blinding,
    failures,
    sources_measured,
    outcome,
)

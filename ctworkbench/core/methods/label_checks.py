"""Warnings about label maps and their readers: where labels come from, and who looked at them."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from ctworkbench.core.methods.facts import LabelMapFact, StudyFacts
from ctworkbench.core.methods.soundness import Basis, Severity, SoundnessWarning, counted, listed

_SHARE_MEAN, _SHARE_MAX = 0.025, 0.06
"""How near a template's proportions come to the norm's, mean and worst region, to be called the same. Those of a child
drawn from the norm are off by 3.3 and 7.8 % (medians of 1,000), of the bundled adult atlas by 24 and 53 %."""


def phantoms_among_children(facts: StudyFacts) -> list[SoundnessWarning]:
    """Digital phantoms in a study: their numbers show that the program works, and nothing about children."""
    rows = [scan for scan in facts.scans if scan.phantom]
    if not rows:
        return []
    return [
        SoundnessWarning(
            "phantoms_among_children",
            Severity.SERIOUS,
            f"{len(rows)} of {counted(len(facts.scans), 'scan')} "
            f"{'is of a digital phantom' if len(rows) == 1 else 'are of digital phantoms'}.",
            "Their numbers show that the program works, and say nothing about children.",
            "Keep phantoms in a study of their own, and report none of these numbers as a finding.",
            tuple(Basis("scan", str(scan.id), f"{scan.subject}: digital phantom", scan.subject) for scan in rows),
        )
    ]


def mixed_label_sources(facts: StudyFacts) -> list[SoundnessWarning]:
    """Volumes that come partly from registrations, partly from experts, partly from models."""
    source_of: dict[int, tuple[str, str]] = {row.scan_id: (row.source, row.subject) for row in facts.volumes}
    counts = Counter(source for source, _ in source_of.values())
    if len(counts) < 2:
        return []
    sex_of = {subject.code: subject.sex for subject in facts.subjects}
    rows: list[Basis] = []
    for source, number in counts.most_common():
        sexes = Counter(sex_of.get(code) for own, code in source_of.values() if own == source)
        who = f"{counted(sexes['M'], 'boy')}, {counted(sexes['F'], 'girl')}"
        rows.append(Basis("table", "volumes", f"{source}: {counted(number, 'scan')} ({who})"))
    return [
        SoundnessWarning(
            "mixed_label_sources",
            Severity.CAUTION,
            f"Volumes come from label maps of several kinds: {listed([row.text for row in rows])}.",
            "Ways of labelling differ by more than children do; groups that hold different shares of them differ for "
            "that reason alone.",
            "Make the tables from one source (stats --source), or give each child label maps of one kind.",
            tuple(rows),
        )
    ]


def verdicts_without_reading(facts: StudyFacts) -> list[SoundnessWarning]:
    """Label maps that were accepted without having been on the screen."""
    accepted = [row for row in facts.label_maps if row.accepted]
    unread = [row for row in accepted if not any(verdict.read for verdict in row.verdicts)]
    if not unread:
        return []
    most = len(unread) * 2 >= len(accepted)
    return [
        SoundnessWarning(
            "verdicts_without_reading",
            Severity.SERIOUS if most else Severity.CAUTION,
            f"{len(unread)} of {counted(len(accepted), 'accepted label map')} were accepted unread.",
            "They count as checked by a reader and were not: 'accept all' or a verdict from the command line.",
            "Read them in Review and judge them again, or report them as unchecked.",
            tuple(
                Basis("scan", str(row.scan_id), f"{row.subject}, version {row.version} ({row.origin})", row.subject)
                for row in unread
            ),
        )
    ]


def single_reader(facts: StudyFacts) -> list[SoundnessWarning]:
    """One reader for all label maps, or several of whom no two judged the same one."""
    read = [row for row in facts.label_maps if any(verdict.read for verdict in row.verdicts)]
    readers = {verdict.reader for row in read for verdict in row.verdicts if verdict.read}
    if not readers or read_twice(facts):
        return []
    alone = len(readers) == 1
    return [
        SoundnessWarning(
            "single_reader",
            Severity.CAUTION if alone else Severity.NOTE,
            f"One reader judged all {counted(len(read), 'label map')} that were read."
            if alone
            else f"{len(readers)} readers judged {counted(len(read), 'label map')}, none of them twice.",
            "How far two readers would agree cannot be said, and labels, test figures and volumes carry one reader's "
            "habits."
            if alone
            else "How far they agree cannot be said.",
            "Let a second reader judge or draw a random part, twenty label maps or more, without seeing the first "
            "verdict.",
            (Basis("cohort", "", f"{counted(len(read), 'label map')} read, by {counted(len(readers), 'reader')}"),),
        )
    ]


def norm_leaning(facts: StudyFacts) -> list[SoundnessWarning]:
    """Labels of a template whose regions have the proportions of the norm that the volumes are held against."""
    if facts.norm is None:
        return []
    measured = {row.label_map for row in facts.volumes}
    leaning: dict[str, list[LabelMapFact]] = defaultdict(list)
    for row in facts.current:
        if row.id in measured and (name := facts.leans_on(row)):
            leaning[name].append(row)
    found: list[SoundnessWarning] = []
    for template in facts.templates:
        offsets = share_offsets(template.volumes_cm3, facts.norm.expected_cm3)
        if not leaning[template.name] or not offsets:
            continue
        mean, worst = sum(map(abs, offsets.values())) / len(offsets), max(map(abs, offsets.values()))
        if mean > _SHARE_MEAN or worst > _SHARE_MAX:
            continue
        scans = leaning[template.name]
        found.append(
            SoundnessWarning(
                "norm_leaning",
                Severity.CAUTION,
                f"{counted(len(scans), 'label map')} repeat the template {template.name}, whose regions have the "
                f"proportions of the norm {facts.norm.name} within {100 * worst:.1f} %.",
                "Labels that lean on the norm make a child who differs from it look more ordinary: z is too near 0, "
                "and a cohort that agrees with the norm agrees with its own template.",
                "Correct the label maps before volumes are compared, or use a template that owes nothing to the norm.",
                (
                    Basis(
                        "template",
                        template.name,
                        f"shares within {100 * mean:.1f} % (mean), {100 * worst:.1f} % (worst)",
                    ),
                ),
            )
        )
    return found


def norm_of_own_children(facts: StudyFacts) -> list[SoundnessWarning]:
    """Z of children against the norm that was fitted to them: mean 0 and SD 1 by construction."""
    norm = facts.norm
    if norm is None or norm.origin != "fitted" or not norm.z:
        return []
    scans = {row.scan_id for row in norm.z}
    return [
        SoundnessWarning(
            "norm_of_own_children",
            Severity.CAUTION,
            f"{counted(len(scans), 'scan')} are held against the norm {norm.name}, which was fitted to children of "
            "this study.",
            "z of the children that a norm was made from is near 0 and its SD near 1 by construction: that is no "
            "proof that the norm fits.",
            "Report the calibration on children who were held out, and z of children who took no part in the fit.",
            (Basis("norm", norm.name, f"{norm.title}: {counted(norm.n, 'child', 'children')}"),),
        )
    ]


def read_twice(facts: StudyFacts) -> list[tuple[str, bool]]:
    """Label maps that two readers or more judged: subject, and whether their last verdicts are the same."""
    found: list[tuple[str, bool]] = []
    for row in facts.label_maps:
        last = {verdict.reader: verdict.verdict for verdict in row.verdicts if verdict.read}
        if len(last) > 1:
            found.append((row.subject, len(set(last.values())) == 1))
    return found


def share_offsets(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float]:
    """Relative difference of each region's share in the sum of the regions; empty where a region is missing."""
    if not theirs or any(ours.get(region, 0.0) <= 0 for region in theirs):
        return {}
    our_sum, their_sum = sum(ours[region] for region in theirs), sum(theirs.values())
    return {region: ours[region] / our_sum / (theirs[region] / their_sum) - 1 for region in theirs}

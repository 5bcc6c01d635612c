"""Warnings about asymmetry: whether it is the children's, the template's, or a swap of sides.

The index is that of the tables, (L − R)/½(L + R): positive where the left side is larger.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean, stdev

from ctworkbench.core.methods.facts import StudyFacts, VolumeFact, sides
from ctworkbench.core.methods.soundness import Basis, Severity, SoundnessWarning, counted, listed
from ctworkbench.core.wording import signed

_MIN_SCANS = 10
"""Fewer scans tell no direction of a mean."""
_LEAST_ASYMMETRY = 0.005


def asymmetry_follows_template(facts: StudyFacts) -> list[SoundnessWarning]:
    """Left–right differences that are those of the template which drew the labels.

    The cohort's mean index of each pair lies nearer to the template's own than half its distance from 0.
    """
    leaning = {row.id: name for row in facts.current if (name := facts.leans_on(row))}
    found: list[SoundnessWarning] = []
    for template in facts.templates:
        own = {
            pair: [index(*both) for both in scans.values() if leaning.get(both[0].label_map) == template.name]
            for pair, scans in facts.pairs.items()
        }
        means = {pair: fmean(values) for pair, values in own.items() if len(values) >= _MIN_SCANS}
        theirs = {pair: value for pair in means if (value := _index_of(template.volumes_cm3, pair)) is not None}
        if len(theirs) < 2:
            continue
        size = fmean(abs(means[pair]) for pair in theirs)
        distance = fmean(abs(means[pair] - theirs[pair]) for pair in theirs)
        if size < _LEAST_ASYMMETRY or distance >= 0.5 * size:
            continue
        rows = [
            Basis(
                "template",
                template.name,
                f"{pair}: cohort {signed(100 * means[pair], 1)} %, template {signed(100 * value, 1)} %",
            )
            for pair, value in theirs.items()
        ]
        found.append(
            SoundnessWarning(
                "asymmetry_follows_template",
                Severity.SERIOUS,
                f"The asymmetry of {counted(max(map(len, own.values())), 'scan')} is that of the template "
                f"{template.name}: its pairs differ by {100 * size:.1f} % on average, and from the template's by "
                f"{100 * distance:.1f} %.",
                "Labels of a registration carry the template's own left–right difference into every child. Whether "
                "the children have it too cannot be told from these labels.",
                "Register the mirrored template as well and take the mean of both, or let readers correct both sides "
                "before any asymmetry is reported.",
                tuple(rows),
            )
        )
    return found


def asymmetry_turns_with_template(facts: StudyFacts) -> list[SoundnessWarning]:
    """The same scans labelled by a template and by its mirror image: what turns round with the template is its own.

    Half the difference of the two indices turns with the template, their mean stays with the children.
    """
    by_template: dict[str, list[VolumeFact]] = defaultdict(list)
    for row in facts.registered:
        by_template[row.template].append(VolumeFact(row.scan_id, "", None, None, row.region, row.volume_cm3, 0))
    known = [template for template in facts.templates if template.name in by_template]
    found: list[SoundnessWarning] = []
    for i, one in enumerate(known):
        for other in known[i + 1 :]:
            ours, theirs = sides(by_template[one.name]), sides(by_template[other.name])
            rows: list[Basis] = []
            stays: list[float] = []
            turns: list[float] = []
            for pair in ours.keys() & theirs.keys():
                a, b = _index_of(one.volumes_cm3, pair), _index_of(other.volumes_cm3, pair)
                both = sorted(ours[pair].keys() & theirs[pair].keys())
                if a is None or b is None or a * b >= 0 or len(both) < _MIN_SCANS // 2:
                    continue
                with_a = fmean(index(*ours[pair][scan]) for scan in both)
                with_b = fmean(index(*theirs[pair][scan]) for scan in both)
                stays.append(abs(with_a + with_b) / 2)
                turns.append(abs(with_a - with_b) / 2)
                rows.append(
                    Basis(
                        "template",
                        one.name,
                        f"{pair}: {signed(100 * with_a, 1)} % with {one.name}, {signed(100 * with_b, 1)} % with "
                        f"{other.name} ({counted(len(both), 'scan')})",
                    )
                )
            if rows and sum(turns) > sum(stays):
                found.append(
                    SoundnessWarning(
                        "asymmetry_turns_with_template",
                        Severity.SERIOUS,
                        f"The asymmetry turns round with the template: {listed(sorted(row.text for row in rows))}.",
                        "What turns round when the template is mirrored is the template's own difference and not the "
                        "children's.",
                        "Report the mean of both registrations, which is what stays.",
                        tuple(sorted(rows, key=lambda row: row.text)),
                    )
                )
    return found


def asymmetry_against_literature(facts: StudyFacts) -> list[SoundnessWarning]:
    """The two best known asymmetries, both turned round: sides may be swapped.

    Right frontal and left occipital lobes are mostly the larger ones (torque; Toga and Thompson 2003, Nat Rev Neurosci
    4:37).
    """
    rows: list[Basis] = []
    for pair, larger, other in (("frontal", "right", "left"), ("occipital", "left", "right")):
        values = [index(*both) for both in facts.pairs.get(pair, {}).values()]
        if len(values) < _MIN_SCANS:
            return []
        mean, half = fmean(values), 1.96 * stdev(values) / math.sqrt(len(values))
        opposite = mean - half > 0 if larger == "right" else mean + half < 0
        if not opposite:
            return []
        text = (
            f"{pair}: (L − R)/½(L + R) is {signed(100 * mean, 1)} % ± {100 * half:.1f} %, the {other} larger here, the "
            f"{larger} in most studies"
        )
        rows.append(Basis("table", "hemispheres", text))
    return [
        SoundnessWarning(
            "asymmetry_against_literature",
            Severity.SERIOUS,
            "Frontal and occipital asymmetry are both opposite to most of the literature: "
            f"{listed([r.text for r in rows])}.",
            "Children may differ from adults; a swap of left and right, or the bias of one template, looks the same.",
            "Look at a scan whose side is known from a finding, check the sides of template and import, and do not "
            "report a direction before.",
            tuple(rows),
        )
    ]


def index(right: VolumeFact, left: VolumeFact) -> float:
    """Asymmetry index (L − R)/½(L + R) of one pair."""
    return _index(right.volume_cm3, left.volume_cm3)


def _index(right: float, left: float) -> float:
    return (left - right) / ((left + right) / 2)


def _index_of(volumes: Mapping[str, float], pair: str) -> float | None:
    right, left = volumes.get(f"right_{pair}", 0.0), volumes.get(f"left_{pair}", 0.0)
    return _index(right, left) if right > 0 and left > 0 else None

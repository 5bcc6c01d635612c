"""Warnings about what the volumes are made to say: effect sizes, sex, asymmetry, repeats, many tests."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from ctworkbench.core.methods.facts import StudyFacts, VolumeFact
from ctworkbench.core.methods.soundness import Basis, Severity, SoundnessWarning, counted, listed

_SIZES = ((0.8, "large"), (0.5, "medium"), (0.2, "small"), (0.0, "negligible"))
"""Cohen (1988), Statistical Power Analysis, for a difference of two groups; d_z is on another scale."""
_MUCH = 1.5
_MIN_SCANS = 10
"""Fewer scans tell no direction of a mean."""
_SEX_SHIFT = 0.05
_LEAST_ASYMMETRY = 0.005
_SIGNIFICANT = 0.05

Sides = dict[str, dict[int, tuple[float, float, str | None]]]
"""Pair → scan → (right, left, sex)."""


def paired_effect_as_group(facts: StudyFacts) -> list[SoundnessWarning]:
    """d_z of paired data read as a difference of groups (article: d_z up to 1.2, called high; d_av 0.17–0.31).

    d_z is the mean difference over the SD of the differences, d_av over the mean of both sides' SDs (Lakens 2013, Front
    Psychol 4:863). d_z grows with the correlation of the two sides, whatever the size of the difference.
    """
    rows: list[Basis] = []
    for pair, scans in _sides(facts.volumes).items():
        for sex, who in (("M", "boys"), ("F", "girls")):
            own = [(right, left) for right, left, its in scans.values() if its == sex]
            effect = paired_effect(own)
            if effect is None:
                continue
            d_z, d_av = effect
            if _size(d_z) != _size(d_av) and abs(d_z) >= _MUCH * abs(d_av) and _size(d_z) != "negligible":
                words = f"d_z {d_z:.2f} ({_size(d_z)} if misread), d_av {d_av:.2f} ({_size(d_av)})"
                rows.append(Basis("table", "hemispheres", f"{pair}, {who}: {words}, n {len(own)}"))
    if not rows:
        return []
    return [
        SoundnessWarning(
            "paired_effect_as_group",
            Severity.CAUTION,
            f"In {counted(len(rows), 'comparison')} of left and right d_z reads as a larger effect than there is: "
            f"{rows[0].text}.",
            "d_z says how regular a difference is, not how large: both sides of one head go together, so even a "
            "small difference has a large d_z.",
            "Report the difference in cm³ and d_av; give d_z by its name, without the words small, medium or large.",
            tuple(rows),
        )
    ]


def sex_gap_with_unequal_ages(facts: StudyFacts) -> list[SoundnessWarning]:
    """Raw differences of boys and girls who are not of one age (article: raw gaps 6–8 % above the adjusted ones)."""
    ages: dict[str, dict[int, float]] = {"M": {}, "F": {}}
    for row in facts.volumes:
        if row.sex in ages and row.age_years is not None:
            ages[row.sex][row.scan_id] = row.age_years
    boys, girls = ages["M"].values(), ages["F"].values()
    if min(len(boys), len(girls)) < _MIN_SCANS:
        return []
    gaps = {region: sex_gaps(rows) for region, rows in _by_region(facts.volumes).items()}
    known = {region: gap for region, gap in gaps.items() if gap is not None}
    whole = sum(abs(adjusted) for _, adjusted in known.values())
    shift = sum(math.copysign(1.0, adjusted) * (raw - adjusted) for raw, adjusted in known.values())
    if not known or whole <= 0 or abs(shift) < _SEX_SHIFT * whole:
        return []
    older = fmean(boys) - fmean(girls)
    rows = [
        Basis("table", "sex", f"{region}: raw {raw:+.2f} cm³, adjusted for age {adjusted:+.2f} cm³")
        for region, (raw, adjusted) in known.items()
    ]
    return [
        SoundnessWarning(
            "sex_gap_with_unequal_ages",
            Severity.CAUTION,
            f"Boys were {abs(older):.3f} years {'older' if older > 0 else 'younger'} than girls, and the raw "
            f"differences of the sexes are {100 * abs(shift) / whole:.0f} % {'wider' if shift > 0 else 'narrower'} "
            "than those adjusted for age.",
            "Part of what looks like sex is age.",
            "Report the coefficient of sex from the regression with age, not the difference of the means.",
            tuple(rows),
        )
    ]


def sex_gap_is_brain_size(facts: StudyFacts) -> list[SoundnessWarning]:
    """Sex differences of the regions that mostly go once the whole is held equal."""
    total: dict[int, float] = defaultdict(float)
    for row in facts.volumes:
        total[row.scan_id] += row.volume_cm3
    plain: list[float] = []
    held: list[float] = []
    for rows in _by_region(facts.volumes).values():
        adjusted, sized = sex_gaps(rows), sex_gaps(rows, total)
        if adjusted is not None and sized is not None:
            plain.append(adjusted[1])
            held.append(sized[1])
    sexes = [row.sex for row in {row.scan_id: row for row in facts.volumes}.values() if row.age_years is not None]
    one_way = bool(plain) and abs(sum(math.copysign(1.0, gap) for gap in plain)) == len(plain) > 1
    if not one_way or min(sexes.count("M"), sexes.count("F")) < _MIN_SCANS:
        return []
    left = sum(map(abs, held)) / sum(map(abs, plain))
    if left > 0.5:
        return []
    return [
        SoundnessWarning(
            "sex_gap_is_brain_size",
            Severity.NOTE,
            f"All {len(plain)} regions differ between the sexes in one direction, and {100 * (1 - left):.0f} % of it "
            "goes once the sum of the regions is held equal.",
            "The sexes differ in the size of the head; that is no finding about single regions.",
            "Report the differences adjusted for total brain or intracranial volume beside the raw ones.",
            (Basis("table", "sex", f"mean difference {fmean(plain):+.2f} cm³, at equal total {fmean(held):+.2f} cm³"),),
        )
    ]


def asymmetry_follows_template(facts: StudyFacts) -> list[SoundnessWarning]:
    """Left–right differences that are those of the template which drew the labels.

    The cohort's mean index of each pair lies nearer to the template's own than half its distance from 0.
    """
    leaning = {row.id: name for row in facts.current if (name := facts.leans_on(row))}
    found: list[SoundnessWarning] = []
    for template in facts.templates:
        volumes = [row for row in facts.volumes if leaning.get(row.label_map) == template.name]
        own = {
            pair: [index(right, left) for right, left, _ in scans.values()] for pair, scans in _sides(volumes).items()
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
                "template", template.name, f"{pair}: cohort {100 * means[pair]:+.1f} %, template {100 * value:+.1f} %"
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
            ours, theirs = _sides(by_template[one.name]), _sides(by_template[other.name])
            rows: list[Basis] = []
            stays: list[float] = []
            turns: list[float] = []
            for pair in ours.keys() & theirs.keys():
                a, b = _index_of(one.volumes_cm3, pair), _index_of(other.volumes_cm3, pair)
                both = sorted(ours[pair].keys() & theirs[pair].keys())
                if a is None or b is None or a * b >= 0 or len(both) < _MIN_SCANS // 2:
                    continue
                with_a = fmean(index(*ours[pair][scan][:2]) for scan in both)
                with_b = fmean(index(*theirs[pair][scan][:2]) for scan in both)
                stays.append(abs(with_a + with_b) / 2)
                turns.append(abs(with_a - with_b) / 2)
                rows.append(
                    Basis(
                        "template",
                        one.name,
                        f"{pair}: {100 * with_a:+.1f} % with {one.name}, {100 * with_b:+.1f} % with {other.name} "
                        f"({len(both)} scans)",
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
    sides = _sides(facts.volumes)
    rows: list[Basis] = []
    for pair, larger in (("frontal", "right"), ("occipital", "left")):
        values = [index(right, left) for right, left, _ in sides.get(pair, {}).values()]
        if len(values) < _MIN_SCANS:
            return []
        mean, half = fmean(values), 1.96 * stdev(values) / math.sqrt(len(values))
        opposite = mean - half > 0 if larger == "right" else mean + half < 0
        if not opposite:
            return []
        text = f"{pair}: (L − R)/½(L + R) is {100 * mean:+.1f} % ± {100 * half:.1f} %; mostly the {larger} is larger"
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


def repeated_scans(facts: StudyFacts) -> list[SoundnessWarning]:
    """Several scans of one child that stand in the tables as if they were children."""
    scans: dict[str, set[int]] = defaultdict(set)
    for row in facts.volumes:
        scans[row.subject].add(row.scan_id)
    many = {code: own for code, own in scans.items() if len(own) > 1}
    if not many:
        return []
    total = sum(map(len, scans.values()))
    return [
        SoundnessWarning(
            "repeated_scans",
            Severity.CAUTION,
            f"{total:,} scans of {len(scans):,} subjects are measured: {counted(len(many), 'subject')} more than once.",
            "Scans of one child are not independent; tests that count them as children give p and intervals that are "
            "too small.",
            "Keep one scan a child, or use the mixed model with an intercept of the child.",
            tuple(
                Basis("scan", str(min(own)), f"{code}: {len(own)} scans", code) for code, own in sorted(many.items())
            ),
        )
    ]


def tests_without_correction(facts: StudyFacts) -> list[SoundnessWarning]:
    """Findings that are there only as long as the number of tests is not counted."""
    families: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for test in facts.tests:
        families[test.family].append((test.name, test.p, test.p_corrected))
    rows: list[Basis] = []
    for family, tests in families.items():
        for name, p, corrected in tests:
            if len(tests) > 1 and p < _SIGNIFICANT <= corrected:
                text = f"{family}, {name}: p {p:.3f}, {corrected:.3f} corrected for {len(tests)} tests"
                rows.append(Basis("table", "statistics", text))
    if not rows:
        return []
    return [
        SoundnessWarning(
            "tests_without_correction",
            Severity.CAUTION,
            f"{counted(len(rows), 'test')} of {len(facts.tests)} {'is' if len(rows) == 1 else 'are'} below 0.05 only "
            f"while the number of tests is not counted: {rows[0].text}.",
            "Of twenty tests of nothing, one is below 0.05.",
            "Report the corrected p beside the plain one, and call significant what stays.",
            tuple(rows),
        )
    ]


def index(right: float, left: float) -> float:
    """Asymmetry index (L − R)/½(L + R); positive where the left side is larger."""
    return (left - right) / ((left + right) / 2)


def paired_effect(pairs: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """d_z and d_av of right minus left; None where there are too few or no spread."""
    if len(pairs) < 3:
        return None
    differences = [right - left for right, left in pairs]
    spread = stdev(differences)
    sides = (stdev([right for right, _ in pairs]) + stdev([left for _, left in pairs])) / 2
    if spread <= 0 or sides <= 0:
        return None
    mean = fmean(differences)
    return mean / spread, mean / sides


def sex_gaps(rows: Iterable[VolumeFact], total: Mapping[int, float] | None = None) -> tuple[float, float] | None:
    """Boys minus girls of one region in cm³: raw, and by least squares with age (and a total); None if undetermined."""
    import numpy as np

    known = [row for row in rows if row.sex in ("M", "F") and row.age_years is not None and row.volume_cm3 > 0]
    boys = np.array([row.sex == "M" for row in known])
    if boys.size < 5 or boys.all() or not boys.any():
        return None
    volumes = np.array([row.volume_cm3 for row in known])
    columns = [np.ones(boys.size), boys.astype(float), np.array([row.age_years for row in known], dtype=float)]
    if total is not None:
        columns.append(np.array([total[row.scan_id] for row in known]))
    design = np.column_stack(columns)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    coefficients = np.linalg.lstsq(design, volumes, rcond=None)[0]
    return float(volumes[boys].mean() - volumes[~boys].mean()), float(coefficients[1])


def _sides(volumes: Iterable[VolumeFact]) -> Sides:
    """Both sides of each pair in each scan; scans without one of them are left out."""
    halves: dict[str, dict[int, dict[str, VolumeFact]]] = defaultdict(lambda: defaultdict(dict))
    for row in volumes:
        side, _, pair = row.region.partition("_")
        if side in ("right", "left") and row.volume_cm3 > 0:
            halves[pair][row.scan_id][side] = row
    return {
        pair: {
            scan: (both["right"].volume_cm3, both["left"].volume_cm3, both["right"].sex)
            for scan, both in scans.items()
            if len(both) == 2
        }
        for pair, scans in halves.items()
    }


def _by_region(volumes: Iterable[VolumeFact]) -> dict[str, list[VolumeFact]]:
    found: dict[str, list[VolumeFact]] = defaultdict(list)
    for row in volumes:
        found[row.region].append(row)
    return found


def _index_of(volumes: Mapping[str, float], pair: str) -> float | None:
    right, left = volumes.get(f"right_{pair}", 0.0), volumes.get(f"left_{pair}", 0.0)
    return index(right, left) if right > 0 and left > 0 else None


def _size(d: float) -> str:
    return next(word for least, word in _SIZES if abs(d) >= least)

"""Warnings about what the volumes are made to say: effect sizes, sex, repeats, many tests."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

from ctworkbench.core.analysis.effects import least_squares
from ctworkbench.core.analysis.hemispheres import paired_test
from ctworkbench.core.analysis.scans import Account
from ctworkbench.core.methods.facts import StudyFacts, VolumeFact
from ctworkbench.core.methods.soundness import Basis, Severity, SoundnessWarning, counted
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import signed

_SIZES = ((0.8, "large"), (0.5, "medium"), (0.2, "small"), (0.0, "negligible"))
"""Cohen (1988), Statistical Power Analysis, for a difference of two groups; d_z is on another scale."""
_MUCH = 1.5
_MIN_SCANS = 10
"""Fewer scans tell no direction of a mean."""
_SEX_SHIFT = 0.05
_SIGNIFICANT = 0.05


def paired_effect_as_group(facts: StudyFacts) -> list[SoundnessWarning]:
    """d_z of paired data read as a difference of groups (article: d_z up to 1.2, called high; d_av 0.17–0.31).

    d_z is the mean difference over the SD of the differences, d_av over the mean of both sides' SDs (Lakens 2013, Front
    Psychol 4:863). d_z grows with the correlation of the two sides, whatever the size of the difference.
    """
    import numpy as np

    rows: list[Basis] = []
    for pair, scans in facts.pairs.items():
        for sex, who in (("M", "boys"), ("F", "girls")):
            own = [(right.volume_cm3, left.volume_cm3) for right, left in scans.values() if right.sex == sex]
            if len(own) < _MIN_SCANS:
                continue
            row = paired_test(pair, sex, *np.array(own).T)
            d_z, d_av = row.d_z, row.d_av
            if d_z is None or d_av is None:
                continue
            if _size(d_z) != _size(d_av) and abs(d_z) >= _MUCH * abs(d_av) and _size(d_z) != "negligible":
                words = f"d_z {signed(d_z)} ({_size(d_z)} if misread), d_av {signed(d_av)} ({_size(d_av)})"
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
    gaps = {region: sex_gaps(rows) for region, rows in facts.by_region.items()}
    known = {region: gap for region, gap in gaps.items() if gap is not None}
    whole = sum(abs(adjusted) for _, adjusted in known.values())
    shift = sum(math.copysign(1.0, adjusted) * (raw - adjusted) for raw, adjusted in known.values())
    if not known or whole <= 0 or abs(shift) < _SEX_SHIFT * whole:
        return []
    older = fmean(boys) - fmean(girls)
    rows = [
        Basis("table", "sex", f"{region}: raw {signed(raw, 2)} cm³, adjusted for age {signed(adjusted, 2)} cm³")
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
    parts: dict[int, list[float]] = defaultdict(list)
    for row in facts.volumes:
        if row.volume_cm3 > 0:
            parts[row.scan_id].append(row.volume_cm3)
    total = {scan: math.fsum(own) for scan, own in parts.items() if len(own) == len(facts.by_region)}
    plain: list[float] = []
    held: list[float] = []
    for rows in facts.by_region.values():
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
            (
                Basis(
                    "table",
                    "sex",
                    f"mean difference {signed(fmean(plain), 2)} cm³, at equal total {signed(fmean(held), 2)} cm³",
                ),
            ),
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
                Basis("scan", str(min(own)), f"{code}: {counted(len(own), 'scan')}", code)
                for code, own in sorted(many.items())
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
                text = f"{family}, {spoken(name)}: p {p:.3f}, {corrected:.3f} corrected for {len(tests)} tests"
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


def sex_gaps(rows: Iterable[VolumeFact], total: Mapping[int, float] | None = None) -> tuple[float, float] | None:
    """Boys minus girls of one region in cm³: raw, and by least squares with age (and a total); None if undetermined.

    Args:
        rows: the region's volumes.
        total: sum of all regions by scan; scans without it, such as those that lack a region, are left out.
    """
    import numpy as np

    known = [row for row in rows if row.sex in ("M", "F") and row.age_years is not None and row.volume_cm3 > 0]
    known = [row for row in known if total is None or row.scan_id in total]
    boys = np.array([row.sex == "M" for row in known])
    if boys.all() or not boys.any():
        return None
    volumes = np.array([row.volume_cm3 for row in known])
    columns = {"sex": boys.astype(float), "age": np.array([row.age_years for row in known], dtype=float)}
    if total is not None:
        columns["total"] = np.array([total[row.scan_id] for row in known])
    terms = {"boys − girls": ({"sex": 1.0}, "cm³")}
    found = least_squares(volumes, columns, terms, "sex gap", known[0].region, Account())
    return (float(volumes[boys].mean() - volumes[~boys].mean()), found[0].estimate) if found else None


def _size(d: float) -> str:
    return next(word for least, word in _SIZES if abs(d) >= least)

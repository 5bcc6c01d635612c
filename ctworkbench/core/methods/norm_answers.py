"""Answers of a study about its norm: what predicts what, where that ends, how the cohort stands in it."""

from collections import defaultdict
from collections.abc import Callable
from statistics import fmean, stdev

from ctworkbench.core.methods.facts import UNKNOWN, Answer, NormFact, StudyFacts, ZFact
from ctworkbench.core.methods.soundness import counted
from ctworkbench.core.wording import signed


def norm_in_use(facts: StudyFacts) -> str:
    """Which norm, and whether it is one's own."""
    norm = facts.norm
    if norm is None:
        return ""
    own = {
        "published": "It was published by others; this study evaluates volumes against it.",
        "imported": "It was fitted elsewhere and imported; this study evaluates volumes against it.",
        "fitted": "It was developed from children of this study.",
    }
    return f"Norm: {norm.title} ({norm.name}). {own[norm.origin]}"


def norm_limits(facts: StudyFacts) -> str:
    """Population, ages, scanner, slices."""
    return facts.norm.text if facts.norm else ""


def norm_cautions(facts: StudyFacts) -> str:
    """What a reader of a z must know."""
    return " ".join(facts.norm.cautions) if facts.norm else ""


def norm_method(facts: StudyFacts) -> str:
    """How volume hangs on sex and age."""
    norm = facts.norm
    if norm is None:
        return ""
    if norm.origin != "published":
        return f"For each of {len(norm.expected_cm3)} regions: {norm.method}"
    return (
        f"For each of {len(norm.expected_cm3)} regions volume = b0 + b(sex) · sex + b(age) · age, sex 1 male and 2 "
        "female, age in years, untransformed, with one residual SD; rebuilt from the article's tables "
        "(docs/norms.md). z = (volume − expected) / SD, centile by the normal distribution."
    )


def norm_specification(facts: StudyFacts) -> str:
    """The coefficients in full, or where they are."""
    if facts.norm is None:
        return ""
    return facts.norm.specification or "The norm's file, exported with its card, holds all of the model."


def norm_calibration(facts: StudyFacts) -> str:
    """What is known of how the centiles fit new children."""
    norm = facts.norm
    if norm is None:
        return ""
    if norm.calibration:
        return norm.calibration
    return "No cross-validated calibration of this norm is known." if norm.origin == "published" else ""


def norm_size(facts: StudyFacts) -> str:
    """How many children the norm and the cohort have."""
    norm = facts.norm
    if norm is None:
        return ""
    scans = {row.scan_id for row in facts.volumes}
    covered = {row.scan_id for row in norm.z}
    return (
        f"The norm was made from {counted(norm.n, 'child', 'children')} ({norm.n_male:,} boys, {norm.n_female:,} "
        f"girls). {counted(len(scans), 'scan')} of this study are measured, {len(covered)} of them within the norm's "
        "limits."
    )


def norm_measures(facts: StudyFacts) -> str:
    """How the norm is judged."""
    return (
        "Mean and SD of z in the cohort (0 and 1 where the norm fits), and the share of children outside the 5th and "
        "95th centile (10 %); charts of volume against age with centile curves by sex."
        if facts.norm
        else ""
    )


def norm_updating(facts: StudyFacts) -> str:
    """That the norm in use is not changed."""
    return "The norm is used as it is: nothing is recalibrated." if facts.norm else ""


def norm_output(facts: StudyFacts) -> str:
    """Expected volume, z, centile."""
    return (
        "Expected volume in cm³, z and centile of each region by sex and age. There is no threshold and no "
        "classification; outside the norm's limits no centile is given, with the reason."
        if facts.norm
        else ""
    )


def norm_fit(facts: StudyFacts) -> str:
    """Mean and SD of z by region, and the share in the tails."""
    if facts.norm is None or not facts.norm.z:
        return ""
    by_region: dict[str, list[float]] = defaultdict(list)
    for row in facts.norm.z:
        by_region[row.region].append(row.z)
    parts = [f"{region} {_spread(values)}" for region, values in by_region.items()]
    tails = sum(abs(row.z) > 1.645 for row in facts.norm.z) / len(facts.norm.z)
    return f"z of the cohort, mean ± SD (n): {'; '.join(parts)}. Outside the 5th to 95th centile: {100 * tails:.0f} %."


def z_by_sex(facts: StudyFacts) -> str:
    """How boys and girls stand in the norm, all regions together."""
    return _grouped(facts.norm, lambda row: {"M": "boys", "F": "girls"}.get(row.sex or "", "sex unknown"), "sex")


def z_by_site(facts: StudyFacts) -> str:
    """How the sites stand in the norm, all regions together."""
    return _grouped(facts.norm, lambda row: row.site or f"site {UNKNOWN}", "site")


def outside_the_norm(facts: StudyFacts) -> str:
    """Scans that get no centile, with the reasons."""
    norm = facts.norm
    if norm is None or not facts.volumes:
        return ""
    if not norm.outside:
        return "All measured scans are within the norm's limits."
    reasons = "; ".join(f"{reason} ({number})" for reason, number in norm.outside.items())
    return f"{counted(sum(norm.outside.values()), 'scan')} get no centile: {reasons}."


def predictors(facts: StudyFacts) -> str:
    """Sex and age."""
    return "Predictors are age and sex alone, as in the norm." if facts.norm else ""


def predictor_definitions(facts: StudyFacts) -> str:
    """Where age and sex come from."""
    return (
        "Age in years at the scan and sex, from the cohort table or the header of the series; neither is estimated "
        "from the image."
        if facts.norm
        else ""
    )


def predictor_assessment(facts: StudyFacts) -> str:
    """That neither takes judgement."""
    return "Age and sex take no judgement." if facts.norm else ""


def poor_input(facts: StudyFacts) -> str:
    """What the program does with poor or missing input."""
    return (
        "A series whose geometry cannot be trusted is refused with the reason; without age or sex, outside the norm's "
        "ages, scanners or slices, or with a region missing, no centile is given and the reason is."
        if facts.scans
        else ""
    )


def user_expertise(facts: StudyFacts) -> str:
    """Who must do what."""
    return (
        "A reader who knows the anatomy looks at each label map and corrects it; import, training and tables need a "
        "coordinator, and no programming."
        if facts.scans
        else ""
    )


def _grouped(norm: NormFact | None, group: Callable[[ZFact], str], by: str) -> str:
    if norm is None or not norm.z:
        return ""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in norm.z:
        groups[group(row)].append(row.z)
    parts = [f"{name} {_spread(values)}" for name, values in sorted(groups.items())]
    return f"z by {by}, all regions, mean ± SD (volumes): {'; '.join(parts)}."


def _spread(values: list[float]) -> str:
    sd = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{signed(fmean(values), 2)}{sd} ({len(values)})"


ANSWERS: tuple[Answer, ...] = (
    norm_in_use,
    norm_limits,
    norm_cautions,
    norm_method,
    norm_specification,
    norm_calibration,
    norm_size,
    norm_measures,
    norm_updating,
    norm_output,
    norm_fit,
    z_by_sex,
    z_by_site,
    outside_the_norm,
    predictors,
    predictor_definitions,
    predictor_assessment,
    poor_input,
    user_expertise,
)

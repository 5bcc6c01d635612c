"""Answers of a study about its children and scans; "" where it has nothing to say."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from ctworkbench.core.methods.facts import ROLES, UNKNOWN, Answer, ScanFact, StudyFacts, SubjectFact
from ctworkbench.core.methods.soundness import counted, listed

_MOST = 6


def subjects_and_scans(facts: StudyFacts) -> str:
    """How many children and scans, of which sex and age."""
    if not facts.scans:
        return ""
    return (
        f"{counted(len(facts.scans), 'scan')} of {counted(len(facts.subjects), 'subject')}: {_sexes(facts.subjects)}; "
        f"{_ages(facts.scans)}."
    )


def centres(facts: StudyFacts) -> str:
    """Sites with their numbers of scans."""
    if not facts.scans:
        return ""
    sites = Counter(scan.site or f"site {UNKNOWN}" for scan in facts.scans)
    return f"Sites: {tally(sites, 'scan')}."


def scanners(facts: StudyFacts) -> str:
    """Scanners with their numbers of scans."""
    if not facts.scans:
        return ""
    return f"Scanners: {tally(Counter(scan.scanner or UNKNOWN for scan in facts.scans), 'scan')}."


def acquisition(facts: StudyFacts) -> str:
    """Slice thickness, voxel size, tube voltage, charge and kernel, where the headers tell."""
    if not facts.scans:
        return ""
    parts = [
        _range("slice thickness", "mm", [scan.thickness_mm for scan in facts.scans]),
        _range(
            "in-plane voxel size", "mm", [scan.spacing[0] if scan.spacing else None for scan in facts.scans], "{:.2f}"
        ),
        *(
            _range(title, unit, [_number(scan.protocol.get(name)) for scan in facts.scans])
            for name, title, unit in (
                ("kvp", "tube voltage", "kVp"),
                ("mas", "charge per rotation", "mAs"),
                ("gantry_tilt_degrees", "gantry tilt", "°"),
            )
        ),
    ]
    kernels = Counter(str(scan.protocol["kernel"]) for scan in facts.scans if scan.protocol.get("kernel"))
    parts.append(f"kernels: {tally(kernels, 'scan')}" if kernels else "kernel not recorded")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def geometry_corrections(facts: StudyFacts) -> str:
    """What was corrected on import, and what was warned of."""
    if not facts.scans:
        return ""
    corrected = [scan for scan in facts.scans if scan.corrections]
    warned = [scan for scan in facts.scans if scan.warnings]
    what = Counter(_kind(text) for scan in corrected for text in scan.corrections)
    kinds = f": {tally(what)}" if what else ""
    return (
        f"Geometry was corrected in {len(corrected)} of {counted(len(facts.scans), 'scan')}{kinds}; warnings stand on "
        f"{counted(len(warned), 'scan')}."
    )


def exclusions(facts: StudyFacts) -> str:
    """Series that were refused, with the reasons."""
    if not facts.scans and not facts.refusals:
        return ""
    refused = [row for row in facts.refusals if not row.skipped]
    skipped = len(facts.refusals) - len(refused)
    reasons = Counter(_kind(row.reason) for row in refused)
    why = f": {tally(reasons)}" if reasons else ""
    many = counted(len(refused), "series", "series")
    return f"The import refused {many}{why}. It skipped {skipped} that nobody asked for."


def scans_left_out(facts: StudyFacts) -> str:
    """Scans that came in and are in no table: not preprocessed, not labelled, rejected, not measured, further ones."""
    if not facts.scans:
        return ""
    labelled = {row.scan_id for row in facts.label_maps}
    kept = {row.scan_id for row in facts.current}
    measured = {row.scan_id for row in facts.volumes}
    parts = [
        (sum(not scan.preprocessed_by for scan in facts.scans), "not preprocessed"),
        (sum(scan.id not in labelled for scan in facts.scans), "without a label map"),
        (len(labelled - kept), "with all label maps rejected"),
        (len(kept - measured), "labelled and not measured"),
    ]
    named = [f"{number} {what}" for number, what in parts if number]
    children = len({row.subject for row in facts.volumes})
    told = (
        f"Of {counted(len(facts.scans), 'scan')} {listed(named)}; {len(measured)} are measured."
        if named
        else f"All {counted(len(facts.scans), 'scan')} are measured."
    )
    if children < len(measured):
        told += f" Tables of one scan a child use the first, {counted(children, 'scan')}."
    return told


def missing_data(facts: StudyFacts) -> str:
    """Unknown sexes and ages, regions that were not found, and that nothing is imputed."""
    if not facts.scans:
        return ""
    sex = sum(subject.sex is None for subject in facts.subjects)
    age = sum(scan.age_years is None for scan in facts.scans)
    gone = {(row.scan_id, row.region) for row in facts.volumes if not row.volume_cm3 > 0}
    return (
        f"Sex unknown: {counted(sex, 'subject')}; age unknown: {counted(age, 'scan')}; region not in the label map: "
        f"{counted(len(gone), 'region')} of {counted(len({scan for scan, _ in gone}), 'scan')}. Nothing is imputed: "
        "each table uses the scans that have what it needs, and names the others."
    )


def preprocessing(facts: StudyFacts) -> str:
    """What is done to every scan, and by which version."""
    versions = sorted({scan.preprocessed_by for scan in facts.scans if scan.preprocessed_by})
    done = sum(bool(scan.preprocessed_by) for scan in facts.scans)
    if not done:
        return ""
    return (
        f"{done} of {counted(len(facts.scans), 'scan')} preprocessed by CT Workbench {listed(versions)}: resampled to "
        "1 mm (linear), cropped to the head, skull and brain masked from HU, then the brain equalized "
        "(adaptive histogram equalization, window of 11 mm, α and β 0.3) as input of the network. Volumes are counted "
        "on the scan's own grid, never on the equalized image. All scans go the same way."
    )


def deidentification(facts: StudyFacts) -> str:
    """What the study keeps of a child."""
    if not facts.scans:
        return ""
    dated = sum(bool(scan.protocol.get("study_date")) for scan in facts.scans)
    return (
        "The study keeps a subject code, sex, age in years, series UID, site, scanner and acquisition facts; no names "
        f"and no dates of birth. The day of the scan is kept of {counted(dated, 'scan')}. Images are not defaced."
    )


def dates(facts: StudyFacts) -> str:
    """Days of scanning, where the cohort table gave them, and when scans came into the study."""
    made = sorted({str(scan.protocol["study_date"]) for scan in facts.scans if scan.protocol.get("study_date")})
    came = sorted({scan.imported for scan in facts.scans if scan.imported})
    parts = [
        f"{title} on {' to '.join(dict.fromkeys((days[0], days[-1])))}."
        for title, days in (("Scans were made", made), ("Scans came into the study", came))
        if days
    ]
    return " ".join(parts)


def flow(facts: StudyFacts) -> str:
    """From series to tables, number by number."""
    if not facts.scans:
        return ""
    refused = sum(not row.skipped for row in facts.refusals)
    steps = [
        f"{len(facts.scans) + refused} series offered",
        f"{len(facts.scans)} imported ({refused} refused)",
        f"{sum(bool(scan.preprocessed_by) for scan in facts.scans)} preprocessed",
        f"{len({row.scan_id for row in facts.label_maps})} labelled",
        f"{len({row.scan_id for row in facts.current if row.accepted})} accepted by a reader",
        f"{len({row.scan_id for row in facts.volumes})} measured",
    ]
    return " → ".join(steps) + "."


def characteristics_by_role(facts: StudyFacts) -> str:
    """Number, sexes and ages of each set."""
    parts: list[str] = []
    for role in ROLES:
        subjects = [subject for subject in facts.subjects if subject.role == role]
        codes = {subject.code for subject in subjects}
        if subjects:
            scans = [scan for scan in facts.scans if scan.subject in codes]
            parts.append(f"{role}: {counted(len(subjects), 'subject')} ({_sexes(subjects)}; {_ages(scans)})")
    without = sum(subject.role is None for subject in facts.subjects)
    if not parts:
        return ""
    return "; ".join(parts) + (f"; {counted(without, 'subject')} in no set." if without else ".")


def quality_by_sex(facts: StudyFacts) -> str:
    """Warnings and rejections among boys and girls."""
    if not facts.scans:
        return ""
    sex_of = {subject.code: subject.sex for subject in facts.subjects}
    parts: list[str] = []
    for sex, who in (("M", "boys"), ("F", "girls")):
        scans = [scan for scan in facts.scans if sex_of.get(scan.subject) == sex]
        warned = sum(bool(scan.warnings) for scan in scans)
        maps = [row for row in facts.label_maps if sex_of.get(row.subject) == sex]
        rejected = sum(row.verdict == "reject" for row in maps)
        parts.append(
            f"{who}: {warned} of {len(scans)} scans with warnings, {rejected} of {len(maps)} label maps rejected"
        )
    return f"Quality, {'; '.join(parts)}."


def study_record(facts: StudyFacts) -> str:
    """That the study folder holds the way back from every number."""
    return (
        f"The study folder ({facts.name}, CT Workbench {facts.program}) keeps every label map version, verdict, "
        "training request and figure, and the way back from each number to its series; `ctworkbench verify` checks it."
        if facts.scans
        else ""
    )


def _sexes(subjects: Sequence[SubjectFact]) -> str:
    counts = Counter(subject.sex for subject in subjects)
    unknown = f", {counts[None]} of unknown sex" if counts[None] else ""
    return f"{counted(counts['M'], 'boy')}, {counted(counts['F'], 'girl')}{unknown}"


def _ages(scans: Iterable[ScanFact]) -> str:
    every = list(scans)
    ages = [scan.age_years for scan in every if scan.age_years is not None]
    unknown = f", {len(every) - len(ages)} unknown" if len(ages) < len(every) else ""
    if not ages:
        return "age unknown"
    spread = f" ± {stdev(ages):.2f}" if len(ages) > 1 else ""
    return f"age {fmean(ages):.2f}{spread} years ({min(ages):.2f} to {max(ages):.2f}{unknown})"


def tally(counts: Mapping[str, int], noun: str = "") -> str:
    """The most frequent ones with their numbers; the rest as a number."""
    order = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    shown = [f"{name} ({counted(number, noun) if noun else number})" for name, number in order[:_MOST]]
    more = len(order) - len(shown)
    return ", ".join(shown) + (f" and {more} more kinds" if more else "")


def _kind(text: str) -> str:
    """What a sentence says apart from its numbers, so that equal reasons are counted together."""
    words = ["n" if any(sign.isdigit() for sign in word) else word for word in text.rstrip(".").split()]
    return " ".join(words)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _range(title: str, unit: str, values: Sequence[float | None], form: str = "{:g}") -> str:
    known = [round(value, 4) for value in values if value is not None]
    if not known:
        return f"{title} {UNKNOWN}"
    low, high = form.format(min(known)), form.format(max(known))
    unknown = f" ({UNKNOWN} of {len(values) - len(known)})" if len(known) < len(values) else ""
    return f"{title} {low if low == high else f'{low} to {high}'} {unit}{unknown}"


ANSWERS: tuple[Answer, ...] = (
    subjects_and_scans,
    centres,
    scanners,
    acquisition,
    geometry_corrections,
    exclusions,
    scans_left_out,
    missing_data,
    preprocessing,
    deidentification,
    dates,
    flow,
    characteristics_by_role,
    quality_by_sex,
    study_record,
)

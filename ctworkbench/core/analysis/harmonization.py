"""ComBat: what a scanner or a site adds to volumes and multiplies them by is taken out; sex and age are kept.

Method: Johnson et al. 2007 (Biostatistics 8:118) as brought to regional measures by Fortin et al. 2018 (NeuroImage
167:104), parametric empirical Bayes over the regions, by the functions of neuroCombat. Harmonized volumes are another
source of volumes beside the measured ones and never take their place.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from ctworkbench.core.analysis.effects import varies
from ctworkbench.core.analysis.observations import Row
from ctworkbench.core.analysis.scans import Account, ScanVolumes, regions_of, with_sex_and_age
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

By = Literal["scanner", "site"]
MODEL = "ComBat"
MIN_PER_BATCH = 20
"""Scans of a batch below which it is not harmonized, after the advice of 20 to 30 (Orlhac 2022, J Nucl Med 63:172)."""
LEAST_PER_BATCH = 5
"""Below this no number that is asked for goes: a mean and a scatter of fewer children are chance."""


@dataclass(frozen=True)
class Harmonizing:
    """How to harmonize.

    Attributes:
        by: over scanners or over sites.
        min_per_batch: children that a scanner or site needs; at least 5 are asked for in any case.
    """

    by: By = "scanner"
    min_per_batch: int = MIN_PER_BATCH


class Harmonized(Row):
    """One region of one scan, as measured and as harmonized, in cm³."""

    subject: str
    scan: int
    batch: str
    region: str
    measured_cm3: float
    harmonized_cm3: float
    source: str


class Batch(Row):
    """What was found of one scanner or site in one region.

    Attributes:
        shift_cm3: what the batch adds, against the mean of all scans, after empirical Bayes; taken off.
        scale: what the batch multiplies the residual SD by, after empirical Bayes; divided out.
    """

    batch: str
    region: str
    n: int
    shift_cm3: float
    scale: float


@dataclass(frozen=True)
class Harmonization:
    """The harmonized scans, both numbers side by side, and what each batch was found to do; all empty if refused."""

    by: str
    scans: tuple[ScanVolumes, ...] = ()
    rows: tuple[Harmonized, ...] = ()
    batches: tuple[Batch, ...] = ()


def source_name(by: str, source: str) -> str:
    """Name of harmonized volumes as a source: what was harmonized, and by what."""
    return f"{source}, harmonized by {by} (ComBat)"


def harmonize(scans: Sequence[ScanVolumes], how: Harmonizing, account: Account) -> Harmonization:
    """Harmonize volumes over scanners or sites; scans that cannot be harmonized are left out by name.

    Left out: scans without sex, age or batch, or with a region that was not found; batches with fewer children than
    asked for. Nothing is harmonized with fewer than two batches left, or where a batch cannot be told from sex and age.
    Of several scans of a child on one batch the first is used to estimate, and all are harmonized.

    Args:
        scans: the cohort; one source of labels in all of them, or the difference of sources is harmonized away too.
        how: over what, and how many children that needs.
        account: is told what was left out and why.
    """
    import numpy as np

    by, model = how.by, f"{MODEL} by {how.by}"
    regions = regions_of(scans)
    used, learned = _usable(scans, regions, by, model, account, max(how.min_per_batch, LEAST_PER_BATCH))
    batches = sorted({_batch(scan, by) for scan in learned})
    if len(batches) < 2:
        account.note(f"{model}: nothing was harmonized, since fewer than two {by}s have enough scans.")
        return Harmonization(by)
    columns = _covariates(learned, model, account)
    design, design_all = (_design(rows, columns, batches, by) for rows in (learned, used))
    if np.linalg.matrix_rank(design) < design.shape[1]:
        account.note(
            f"{model}: nothing was harmonized, since the {by}s cannot be told from {' and '.join(columns)}: a {by} has "
            "children of one kind only."
        )
        return Harmonization(by)
    _tell_ages(learned, batches, by, model, account)
    volumes, volumes_all = (
        np.array([[scan.volume(region) for region in regions] for scan in rows], dtype=float).T
        for rows in (learned, used)
    )
    flat = [region for region, values in zip(regions, volumes, strict=True) if not varies(values)]
    if flat or len(regions) < 2:
        what = f"{', '.join(flat)} is the same in all scans" if flat else "a single region has no prior to shrink to"
        account.note(f"{model}: nothing was harmonized: {what}.")
        return Harmonization(by)
    done, found = _combat(volumes, design, volumes_all, design_all, batches, by, (learned, used))
    account.note(
        f"{model}: harmonized volumes are estimates that depend on the other scans of the cohort; {len(used)} scans of "
        f"{len(batches)} {by}s, {' and '.join(columns) or 'nothing'} kept."
    )
    rows: list[Harmonized] = []
    made: list[ScanVolumes] = []
    for place, scan in enumerate(used):
        source = source_name(by, scan.source)
        values = {region: float(done[i, place]) for i, region in enumerate(regions)}
        made.append(replace(scan, volumes_cm3=values, source=source))
        rows += [
            Harmonized(
                subject=scan.subject,
                scan=scan.scan,
                batch=_batch(scan, by),
                region=region,
                measured_cm3=float(volumes_all[i, place]),
                harmonized_cm3=values[region],
                source=source,
            )
            for i, region in enumerate(regions)
        ]
    counts = Counter(_batch(scan, by) for scan in learned)
    shifts, scales = found
    table = [
        Batch(batch=batch, region=region, n=counts[batch], shift_cm3=float(shifts[j, i]), scale=float(scales[j, i]))
        for j, batch in enumerate(batches)
        for i, region in enumerate(regions)
    ]
    return Harmonization(by, tuple(made), tuple(rows), tuple(table))


def _combat(
    volumes: "NDArray[np.float64]",
    design: "NDArray[np.float64]",
    volumes_all: "NDArray[np.float64]",
    design_all: "NDArray[np.float64]",
    batches: Sequence[str],
    by: str,
    scans: tuple[Sequence[ScanVolumes], Sequence[ScanVolumes]],
) -> "tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]]":
    """Learn from some scans, harmonize all; (regions × scans) in cm³, and shift and scale (batches × regions).

    neuroCombat's steps are called one by one, as neuroHarmonize does it: its one function for all of them prints to the
    screen and rounds ages to single precision.
    """
    import numpy as np
    from neuroCombat.neuroCombat import (
        adjust_data_final,
        find_parametric_adjustments,
        fit_LS_model_and_find_priors,
        standardize_across_features,
    )

    learned, used = (_info([_batch(scan, by) for scan in rows], batches) for rows in scans)
    with np.errstate(divide="ignore", invalid="ignore"):
        standard, mean, variance, _ = standardize_across_features(volumes, design, learned)
        priors = fit_LS_model_and_find_priors(standard, design, learned, False)
        shift, scale = find_parametric_adjustments(standard, priors, learned, False)
    # Every scan is put on the scale that was learned: mean of its sex and age, pooled SD of the regions.
    spread = np.sqrt(variance)
    beta = np.linalg.lstsq(design, volumes.T, rcond=None)[0]
    covariates = design_all.copy()
    covariates[:, : len(batches)] = 0
    expected = mean[:, :1] + (covariates @ beta).T
    standard_all = (volumes_all - expected) / spread
    done: Any = adjust_data_final(
        standard_all,
        design_all,
        shift,
        scale,
        np.repeat(mean[:, :1], volumes_all.shape[1], axis=1),
        (covariates @ beta).T,
        variance,
        used,
        volumes_all,
    )
    return np.asarray(done), (shift * spread.ravel(), np.sqrt(scale))


def _info(of_scans: Sequence[str], batches: Sequence[str]) -> dict[str, Any]:
    """What neuroCombat wants to know of the batches: their number, and the places of their scans."""
    import numpy as np

    places = [[place for place, batch in enumerate(of_scans) if batch == name] for name in batches]
    return {
        "batch_levels": np.arange(len(batches)),
        "ref_level": None,
        "n_batch": len(batches),
        "n_sample": len(of_scans),
        "sample_per_batch": np.array([len(found) for found in places]),
        "batch_info": places,
    }


def _usable(
    scans: Sequence[ScanVolumes], regions: Sequence[str], by: str, model: str, account: Account, least: int
) -> tuple[list[ScanVolumes], list[ScanVolumes]]:
    """Scans that can be harmonized, and those among them that are learned from: one of a child on a batch."""
    whole: list[ScanVolumes] = []
    for scan in with_sex_and_age(scans, model, account):
        missing = [region for region in regions if scan.volume(region) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            account.leave_out(model, f"{', '.join(map(spoken, missing))} {verb} not in the label map", scan)
        elif not _batch(scan, by):
            account.leave_out(model, f"{by} unknown", scan)
        else:
            whole.append(scan)
    firsts: dict[tuple[str, str], ScanVolumes] = {}
    for scan in sorted(whole, key=lambda scan: (scan.age or 0.0, scan.scan)):
        firsts.setdefault((_batch(scan, by), scan.subject), scan)
    counts = Counter(batch for batch, _ in firsts)
    used: list[ScanVolumes] = []
    for scan in whole:
        batch = _batch(scan, by)
        if counts[batch] < least:
            account.leave_out(
                model, f"{by} {batch} has {count(counts[batch], 'child', 'children')}, fewer than {least}", scan
            )
        else:
            used.append(scan)
    learned = [scan for scan in used if firsts[_batch(scan, by), scan.subject] is scan]
    if len(learned) < len(used):
        account.note(
            f"{model}: {count(len(used) - len(learned), 'later scan')} of children already seen on the same {by}, "
            "harmonized but not learned from."
        )
    if len({scan.source for scan in used}) > 1:
        account.note(
            f"{model}: the labels come from several sources; where these go with a {by}, they are taken for the {by}."
        )
    return used, learned


def _batch(scan: ScanVolumes, by: str) -> str:
    return scan.site if by == "site" else scan.scanner


def _covariates(scans: Sequence[ScanVolumes], model: str, account: Account) -> list[str]:
    """What is kept: sex and age, where they vary."""
    import numpy as np

    kept: list[str] = []
    for name, values in (("sex", [scan.female for scan in scans]), ("age", [scan.age for scan in scans])):
        if varies(np.array(values, dtype=float)):
            kept.append(name)
        else:
            account.note(f"{model}: {name} is the same in all scans, so there is nothing of it to keep.")
    return kept


def _design(
    scans: Sequence[ScanVolumes], columns: Sequence[str], batches: Sequence[str], by: str
) -> "NDArray[np.float64]":
    """One column for each batch (1 for its scans), then the covariates."""
    import numpy as np

    parts = [[float(_batch(scan, by) == batch) for scan in scans] for batch in batches]
    parts += [[(scan.female if name == "sex" else scan.age) or 0.0 for scan in scans] for name in columns]
    return np.array(parts, dtype=float).T


def _tell_ages(scans: Sequence[ScanVolumes], batches: Sequence[str], by: str, model: str, account: Account) -> None:
    """Say where batches share no ages: then the age effect that is kept rests on a line drawn between them."""
    spans = {
        batch: [scan.age for scan in scans if _batch(scan, by) == batch and scan.age is not None] for batch in batches
    }
    for first, second in combinations(batches, 2):
        if max(spans[first]) < min(spans[second]) or max(spans[second]) < min(spans[first]):
            account.note(
                f"{model}: the ages of {first} and {second} do not overlap, so growth and {by} are hardly told apart."
            )

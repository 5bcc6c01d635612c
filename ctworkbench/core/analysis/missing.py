"""What is missing in a cohort, of whom, and whether the children with all data differ from the rest.

Models use complete cases. That is fair where data are missing by chance; the comparison of complete with incomplete
children is a simple sign of whether they are (a difference speaks against it, no difference does not prove it).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.effects import Effect
from ctworkbench.core.analysis.mixed import Spread
from ctworkbench.core.analysis.observations import Row, finite
from ctworkbench.core.analysis.scans import Account, ScanVolumes, regions_of

if TYPE_CHECKING:
    from collections.abc import Callable

VOLUMES = "any volume"
COMPLETE = "all of these"


class Missing(Row):
    """One variable: how many scans lack it, and whose."""

    variable: str
    scans: int
    missing: int
    percent: float
    subjects: tuple[str, ...]


class CompleteCases(Row):
    """How many scans a model of one outcome used, of all there are."""

    model: str
    outcome: str
    used: int
    scans: int


class Comparison(Row):
    """Scans with all data against those that lack something, by age or by sex.

    Attributes:
        complete, incomplete: mean age in years, or share of boys; None without a scan of known age or sex.
        difference: complete minus incomplete, with its 95 % interval where there is one.
        test: Welch's t-test for age, Fisher's exact test for sex.
    """

    variable: str
    test: str
    n_complete: int
    n_incomplete: int
    complete: float | None
    incomplete: float | None
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None


def missing(scans: Sequence[ScanVolumes], regions: Sequence[str] = ()) -> list[Missing]:
    """A row for sex, age, site, scanner, intracranial volume, any volume, each region, and all of what models need.

    Args:
        scans: every scan of the study, those without any volume too.
        regions: what should have been measured; all that any scan names if empty.
    """
    named = tuple(regions) or regions_of(scans)
    lacks: dict[str, Callable[[ScanVolumes], bool]] = {
        "sex": lambda scan: scan.female is None,
        "age": lambda scan: scan.age is None,
        "site": lambda scan: not scan.site,
        "scanner": lambda scan: not scan.scanner,
        "intracranial volume": lambda scan: not scan.intracranial_cm3,
        VOLUMES: lambda scan: not scan.volumes_cm3,
    }
    for region in named:
        lacks[region] = lambda scan, region=region: scan.volume(region) is None
    lacks[f"{COMPLETE}: sex, age and every region"] = lambda scan: not complete(scan, named)
    rows: list[Missing] = []
    for variable, lack in lacks.items():
        without = [scan.subject for scan in scans if lack(scan)]
        rows.append(
            Missing(
                variable=variable,
                scans=len(scans),
                missing=len(without),
                percent=100 * len(without) / len(scans) if scans else 0.0,
                subjects=tuple(sorted(set(without))),
            )
        )
    return rows


def complete(scan: ScanVolumes, regions: Sequence[str]) -> bool:
    """Whether a scan has sex, age and every region."""
    return scan.female is not None and scan.age is not None and scan.total(regions) is not None


def complete_cases(effects: Sequence[Effect], spreads: Sequence[Spread], scans: int) -> list[CompleteCases]:
    """What each model used of all scans of the study, one row for a model and outcome."""
    used = {(row.model, row.outcome): row.n for row in effects}
    used |= {(row.model, row.region): row.n for row in spreads}
    return [CompleteCases(model=model, outcome=outcome, used=n, scans=scans) for (model, outcome), n in used.items()]


def comparison(scans: Sequence[ScanVolumes], account: Account, regions: Sequence[str] = ()) -> list[Comparison]:
    """Age and sex of the scans that have every region against those that lack one or all of them.

    Sex or age itself being unknown cannot be compared by sex or age, so what is compared is having the volumes.
    """
    named = tuple(regions) or regions_of(scans)
    whole = [scan for scan in scans if scan.total(named) is not None]
    partial = [scan for scan in scans if scan.total(named) is None]
    if not partial:
        account.note("missing data: every scan has every region.")
        return []
    if not whole:
        account.note("missing data: no scan has every region, so there is nothing to compare with.")
        return []
    return [_by_age(whole, partial), _by_sex(whole, partial)]


def _by_age(whole: Sequence[ScanVolumes], partial: Sequence[ScanVolumes]) -> Comparison:
    import numpy as np
    from scipy import stats

    first, second = (np.array([scan.age for scan in group if scan.age is not None]) for group in (whole, partial))
    means = [float(values.mean()) if values.size else None for values in (first, second)]
    row = Comparison(
        variable="age (years)",
        test="Welch's t-test",
        n_complete=first.size,
        n_incomplete=second.size,
        complete=means[0],
        incomplete=means[1],
        difference=None if means[0] is None or means[1] is None else means[0] - means[1],
    )
    if min(first.size, second.size) < 2 or not float(first.var() + second.var()) > 0:
        return row
    test = stats.ttest_ind(first, second, equal_var=False)
    interval = test.confidence_interval(0.95)
    update = {"p": finite(test.pvalue), "ci_low": finite(interval.low), "ci_high": finite(interval.high)}
    return row.model_copy(update=update)


def _by_sex(whole: Sequence[ScanVolumes], partial: Sequence[ScanVolumes]) -> Comparison:
    from scipy import stats

    counts = [[sum(scan.sex == sex for scan in group) for sex in ("M", "F")] for group in (whole, partial)]
    shares = [boys / (boys + girls) if boys + girls else None for boys, girls in counts]
    known = None not in shares
    return Comparison(
        variable="share of boys",
        test="Fisher's exact test",
        n_complete=sum(counts[0]),
        n_incomplete=sum(counts[1]),
        complete=shares[0],
        incomplete=shares[1],
        difference=None if shares[0] is None or shares[1] is None else shares[0] - shares[1],
        p=finite(stats.fisher_exact(counts).pvalue) if known else None,
    )

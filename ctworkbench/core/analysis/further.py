"""All further tables of a cohort, made together and laid out as sheets for the window, CSV, DOCX and LaTeX."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

from ctworkbench.core.analysis import adjusted, asymmetry, missing, mixed
from ctworkbench.core.analysis.asymmetry import Asymmetry
from ctworkbench.core.analysis.effects import Effect
from ctworkbench.core.analysis.harmonization import Batch, Harmonized, Harmonizing, harmonize
from ctworkbench.core.analysis.missing import Comparison, CompleteCases, Missing
from ctworkbench.core.analysis.mixed import Spread
from ctworkbench.core.analysis.observations import Exclusion, Row
from ctworkbench.core.analysis.scans import Account, ScanVolumes, first_scans, plausible_scans

BY_SCANNER = Harmonizing()


class FurtherTables(Row):
    """All further tables; `notes` and `left_out` are by family of tables (`TITLES`), and must be read with it.

    Attributes:
        source: where the volumes of the models come from, harmonized ones named so.
        n_scans, n_subjects: of the whole study, those without volumes too.
        n_measured: scans with volumes of this source.
    """

    source: str
    n_scans: int
    n_subjects: int
    n_measured: int
    regions: tuple[str, ...]
    adjusted: tuple[Effect, ...]
    interaction: tuple[Effect, ...]
    mixed: tuple[Effect, ...]
    spreads: tuple[Spread, ...]
    asymmetry: tuple[Asymmetry, ...]
    asymmetry_effects: tuple[Effect, ...]
    harmonized_by: str
    harmonized: tuple[Harmonized, ...]
    batches: tuple[Batch, ...]
    missing: tuple[Missing, ...]
    complete_cases: tuple[CompleteCases, ...]
    comparison: tuple[Comparison, ...]
    left_out: dict[str, tuple[Exclusion, ...]]
    notes: dict[str, tuple[str, ...]]


def further(
    scans: Sequence[ScanVolumes],
    regions: Sequence[str],
    harmonizing: Harmonizing = BY_SCANNER,
    harmonized: bool = False,
    repeats: Literal["first", "all"] = "first",
) -> FurtherTables:
    """Make all further tables.

    Args:
        scans: every scan of the study; those without volumes are counted as missing.
        regions: what should have been measured in each.
        harmonizing: what ComBat harmonizes over, and how many children that needs.
        harmonized: make the models from the harmonized volumes, in place of the measured ones.
        repeats: of a child with several scans, use the "first" (by age) in models without a random intercept of the
            child, or "all", which is told.
    """
    accounts = {name: Account() for name in TITLES}
    units = Account()
    checked = plausible_scans(scans, units)
    for account, note in product(accounts.values(), units.notes):
        account.note(note)
    with_volumes = [scan for scan in checked if scan.volumes_cm3]
    combat = harmonize(with_volumes, harmonizing, accounts["harmonization"])
    used = list(combat.scans) if harmonized else with_volumes
    source = "; ".join(sorted({scan.source for scan in used})) or "none"

    def one_each(name: str) -> list[ScanVolumes]:
        return first_scans(used, accounts[name]) if repeats == "first" else used

    effects = adjusted.adjusted(one_each("adjusted"), accounts["adjusted"])
    products = adjusted.interaction(one_each("interaction"), accounts["interaction"])
    mixtures, spreads = _mixed(one_each("mixed"), used, accounts["mixed"])
    tests = asymmetry.against_zero(one_each("asymmetry"), accounts["asymmetry"])
    asymmetries = asymmetry.with_covariates(one_each("asymmetry"), accounts["asymmetry"])
    everything = [*effects, *products, *mixtures, *asymmetries]
    if harmonized:
        for name in ("adjusted", "interaction", "mixed", "asymmetry"):
            accounts[name].note(f"Volumes: {source}; not as measured. Scans that could not be harmonized are left out.")
    return FurtherTables(
        source=source,
        n_scans=len(scans),
        n_subjects=len({scan.subject for scan in scans}),
        n_measured=len(with_volumes),
        regions=tuple(regions),
        adjusted=tuple(effects),
        interaction=tuple(products),
        mixed=tuple(mixtures),
        spreads=tuple(spreads),
        asymmetry=tuple(tests),
        asymmetry_effects=tuple(asymmetries),
        harmonized_by=harmonizing.by,
        harmonized=combat.rows,
        batches=combat.batches,
        missing=tuple(missing.missing(checked, regions)),
        complete_cases=tuple(missing.complete_cases(everything, spreads, len(scans))),
        comparison=tuple(missing.comparison(checked, accounts["missing"], regions)),
        left_out={name: account.left_out for name, account in accounts.items()},
        notes={name: tuple(account.notes) for name, account in accounts.items()},
    )


TITLES = {
    "adjusted": "Adjusted for brain and skull size",
    "interaction": "Age × sex",
    "mixed": "Mixed models",
    "asymmetry": "Asymmetry index",
    "harmonization": "Harmonization (ComBat)",
    "missing": "Missing data",
}
"""Families of further tables, by the name that their notes go under."""


def _mixed(
    one_each: Sequence[ScanVolumes], every: Sequence[ScanVolumes], account: Account
) -> tuple[list[Effect], list[Spread]]:
    """Random intercepts of site and scanner over one scan of a child, of the child over all scans."""
    effects: list[Effect] = []
    spreads: list[Spread] = []
    for by, scans in ((mixed.SITE, one_each), (mixed.SCANNER, one_each), (mixed.CHILD, every)):
        rows, found = mixed.mixed(scans, by, account)
        effects += rows
        spreads += found
    return effects, spreads

"""Fit times and calibration of norms by method, on simulated cohorts of 1,487 children, beside a peer.

For each method and cohort: seconds of the models alone and of all (with calibration and bootstrap) of ten regions in
one process; the cross-validated calibration error (mean distance of the five coverages from what they say, worst
region) and the largest single distance; and the same against the law that the cohort was drawn from, where no chance in
the children who judge is left: which share of all children truly lies below each fitted centile.

python -m tests.bench.bench_norms [METHODS] [SEEDS]     (such as: lms,linear,quantile 2)

Peers: statsmodels' QuantReg is what the method quantile is made of, so its time is that of one fit of five centiles;
ondil (GPL-3.0, never part of what is shipped or depended on) only where it is installed aside: it has no Box–Cox
distribution and no choice of terms, so it is given the terms and compared with other skewed distributions.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.norms import deviate_of, published_norm
from ctworkbench.core.norms.cohort import NormScan
from ctworkbench.core.norms.design import AgeScale, Terms
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.fitting import FitParams, fit_norm
from ctworkbench.core.norms.linear import fit_linear
from ctworkbench.core.norms.location_scale import Data, choose
from ctworkbench.core.norms.quantiles import choose_quantiles
from ctworkbench.core.norms.simulated import SimulatedChild, SkewedGrowth, simulate

NORM = published_norm()
LAW = SkewedGrowth(NORM.regions)
CENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
CHILDREN = 1487


def main(methods: Sequence[str], seeds: int) -> None:
    """Print a line for each method, cohort and seed."""
    for cohort in ("article", "skewed"):
        for seed in range(1, seeds + 1):
            children = simulate(NORM, CHILDREN, seed) if cohort == "article" else LAW.draw(CHILDREN, seed)
            for method in methods:
                _judge(method, cohort, seed, children)
    _z_of_the_published_norm()
    _peers(LAW.draw(CHILDREN, 1))


def _judge(method: str, cohort: str, seed: int, children: Sequence[SimulatedChild]) -> None:
    models = _models_alone(method, children)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        params = FitParams(name="x", title="x", method=method, scheme="lobes10", scans=_scans(children))
        file = fit_norm(params, JobContext(Path(folder))).norm
        whole = time.perf_counter() - start
    found = [entry.calibration for entry in file.regions]
    true = _true_errors(FittedNorm(file), cohort, children)
    print(
        f"{method:8} {cohort:7} seed {seed}: models {models:5.1f} s, all {whole:5.1f} s "
        f"({file.card.repeats} repeats); held out: error {max(one.error for one in found):.2f}, largest "
        f"{max(one.largest for one in found):.2f}, regions wrong {sum(bool(one.wrong) for one in found)}; against the "
        f"law: error {np.mean(np.abs(true), axis=1).max():.2f}, largest {np.abs(true).max():.2f} points",
        flush=True,
    )


def _models_alone(method: str, children: Sequence[SimulatedChild]) -> float:
    start = time.perf_counter()
    for region in NORM.regions:
        data, scale = _data(children, region)
        {"lms": choose, "linear": fit_linear, "quantile": choose_quantiles}[method](data, scale)
    return time.perf_counter() - start


def _true_errors(norm: FittedNorm, cohort: str, children: Sequence[SimulatedChild]) -> np.ndarray:
    """Points by which the true share below each centile is off, (regions, centiles), over the cohort's ages."""
    from scipy.special import ndtr

    limits = norm.limits
    sample = [child for child in children[::5] if limits.age_min_years <= child.age_years <= limits.age_max_years]
    lines = {line.region: line for line in NORM.coefficients}
    rows: list[list[float]] = []
    for region in norm.regions:
        row: list[float] = []
        for centile in CENTILES:
            shares: list[float] = []
            for child in sample:
                volume = norm.volume_at(region, child.sex, child.age_years, deviate_of(centile))
                if cohort == "article":
                    sd = lines[region].sd_male if child.sex == "M" else lines[region].sd_female
                    z = (volume - NORM.mean(region, child.sex, child.age_years)) / sd
                else:
                    z = LAW.z(region, child.sex, child.age_years, volume)
                shares.append(100 * float(ndtr(z)))
            row.append(float(np.mean(shares)) - centile)
        rows.append(row)
    return np.array(rows)


def _z_of_the_published_norm() -> None:
    children = simulate(NORM, 10 * CHILDREN, 21)
    z = np.array([[NORM.z(name, c.sex, c.age_years, c.volumes_cm3[name]) for name in NORM.regions] for c in children])
    boys = np.array([child.sex == "M" for child in children])
    print(
        f"published norm on {len(children):,} children drawn from it: mean of z {z.mean(axis=0).min():+.3f} to "
        f"{z.mean(axis=0).max():+.3f}, SD {z.std(axis=0).min():.3f} to {z.std(axis=0).max():.3f}; SD of boys "
        f"{z[boys].std(axis=0).min():.3f} to {z[boys].std(axis=0).max():.3f}, of girls "
        f"{z[~boys].std(axis=0).min():.3f} to {z[~boys].std(axis=0).max():.3f}"
    )


def _peers(children: Sequence[SimulatedChild]) -> None:
    data, scale = _data(children, "cerebellum")
    start = time.perf_counter()
    found = choose(data, scale)
    print(f"one region, ours (LMS, {found.structure.text}): {time.perf_counter() - start:.2f} s")
    from statsmodels.regression.quantile_regression import QuantReg

    matrix = Terms(age=3, sex="shift").matrix(scale, data.ages, data.female)
    start = time.perf_counter()
    shares = [np.mean(data.y < matrix @ QuantReg(data.y, matrix).fit(q=c / 100).params) * 100 for c in CENTILES]
    error = np.mean(np.abs(np.array(shares) - CENTILES))
    print(f"one region, statsmodels QuantReg at five centiles: {time.perf_counter() - start:.2f} s, error {error:.2f}")
    try:
        from ondil.distributions import JSU, Normal, SkewT  # pyright: ignore[reportMissingImports]
        from ondil.estimators import OnlineDistributionalRegression  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        print(f"one region, ondil: not installed ({error})")
        return
    for distribution in (Normal(), Normal(), JSU(), SkewT()):  # the first one is compiled
        equation = {number: "all" if number < 2 else "intercept" for number in range(distribution.n_params)}
        start = time.perf_counter()
        estimator = OnlineDistributionalRegression(distribution=distribution, equation=equation, method="ols")
        estimator.fit(matrix[:, 1:], data.y)
        theta = estimator.predict_distribution_parameters(matrix[:, 1:])
        seconds = time.perf_counter() - start
        centile = 100 * np.asarray(distribution.cdf(data.y, theta))
        error = np.mean([abs(100 * np.mean(centile < stated) - stated) for stated in CENTILES])
        name = type(distribution).__name__
        print(f"one region, ondil {name}: {seconds:.2f} s, error {error:.2f} on the children it was fitted to")


def _data(children: Sequence[SimulatedChild], region: str) -> tuple[Data, AgeScale]:
    ages = np.array([child.age_years for child in children])
    female = np.array([child.sex == "F" for child in children], dtype=float)
    return Data(np.array([child.volumes_cm3[region] for child in children]), ages, female), AgeScale.of(ages)


def _scans(children: Sequence[SimulatedChild]) -> tuple[NormScan, ...]:
    return tuple(
        NormScan(
            subject=child.subject,
            scan=number,
            sex=child.sex,
            age_years=child.age_years,
            volumes_cm3=child.volumes_cm3,
        )
        for number, child in enumerate(children)
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0].split(",") if given else ("linear", "lms", "quantile"), int(given[1]) if given[1:] else 1)

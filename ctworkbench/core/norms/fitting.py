"""A norm fitted to one's own cohort: models, their calibration on children held out, and intervals by bootstrap."""

import math
from collections import Counter
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from ctworkbench.core import schemes
from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.norms.calibration import calibrate, folds_of
from ctworkbench.core.norms.cohort import LEAST_PER_SEX, Cohort, Method, NormScan, Selection, check, gather
from ctworkbench.core.norms.design import AgeScale, Array
from ctworkbench.core.norms.linear import fit_linear, refit_linear
from ctworkbench.core.norms.location_scale import Data, Fit, choose, fit
from ctworkbench.core.norms.models import LinearModel, QuantileModel, ShapeModel, vector
from ctworkbench.core.norms.norm_file import Card, NormFile, PairFit, RegionFit
from ctworkbench.core.norms.quantiles import choose_quantiles, crossings, refit_quantiles
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count, signed

Index = np.typing.NDArray[np.intp]
Model = LinearModel | ShapeModel | QuantileModel
REPEATS: dict[str, int] = {"lms": 400, "linear": 400, "quantile": 100}
FOLDS = 10
_DIGITS = 8
_FAR = 4.0  # SDs: one in 16,000 children; a cohort has such a volume by an error of its labels, most often
_T = TypeVar("_T", bound=BaseModel)


class FitParams(BaseModel):
    """What to fit.

    Attributes:
        name: of the norm, title: for people.
        scans: all measured scans of the study; `selection` says which of them to take.
        repeats: of the bootstrap; those of the method if None.
        author: who asks.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    method: Method
    scheme: str
    scans: tuple[NormScan, ...]
    selection: Selection = Selection()
    population: str = ""
    centre: str = ""
    folds: int = FOLDS
    repeats: int | None = None
    seed: int = 1
    author: str = ""


class FitResult(BaseModel):
    """The norm, and what is to be said of it to those who may see the study: it names subjects."""

    model_config = ConfigDict(frozen=True)

    norm: NormFile
    notes: tuple[str, ...]


def fit_norm(params: FitParams, context: JobContext) -> FitResult:
    """Fit all regions of a norm; a run that was cut off goes on after the last whole region.

    Raises:
        WorkbenchError: the cohort cannot carry a norm; see `cohort.check`.
        JobCancelled: the user cancelled the job.
    """
    cohort = gather(params.scans, params.selection)
    check(cohort, params.method, params.selection)
    names = schemes.load(params.scheme).region_names
    low, high = _covered(cohort)
    scale = AgeScale.of(cohort.ages)
    fitted: list[RegionFit] = []
    notes = [f"{reason}: {', '.join(subjects)}." for reason, subjects in cohort.left_out.items()]
    cautions = list(cohort.notes)
    for number, region in enumerate(names):
        told = _Told(context, number / len(names), (number + 1) / len(names), spoken(region))
        told.progress(0.0, "choosing the model")
        missing = [scan.subject for scan in cohort.scans if not scan.volumes_cm3.get(region, 0.0) > 0]
        few = _few(cohort, region, params)
        if few:
            cautions.append(f"The norm has no {spoken(region)}: only {few} have it in their label map.")
            notes.append(f"The {spoken(region)} is missing in {', '.join(missing)}.")
            continue
        if missing:
            lack = f"{count(len(missing), 'child has', 'children have')} no {spoken(region)}"
            cautions.append(
                f"{lack} in the label map, and {'was' if len(missing) == 1 else 'were'} left out of this region."
            )
            notes.append(f"The {spoken(region)} is missing in {', '.join(missing)}, left out of this region.")
        entry, far = _region(region, cohort, scale, params, told)
        fitted.append(entry)
        notes += far
        cautions += _off(entry)
    if not fitted:
        raise WorkbenchError("No region is in enough label maps for a norm.", "Look at the label maps in Review.")
    entries = tuple(fitted)
    samples = len(entries[0].replicates)
    cautions.append(
        f"Intervals are from {samples} bootstrap samples of the children with the terms of the model held; they do "
        "not tell what other children, another scanner or other labels would have given."
        if samples
        else "No centile has an interval, for no bootstrap sample of the children was drawn."
    )
    pairs = tuple(_pairs(cohort, names))
    lack = {name.removeprefix("right_") for name in names if name.startswith("right_")} - {
        entry.pair for entry in pairs
    }
    if lack:
        cautions.append(
            f"Too few have both sides of the {', '.join(map(spoken, sorted(lack)))}: no asymmetry of it in the norm."
        )
    card = _card(params, cohort, (low, high), cautions)
    file = NormFile(card=card, age_scale=scale, regions=entries, pairs=pairs)
    context.progress(1.0, "Written down.")
    return FitResult(norm=file, notes=tuple(notes))


def _off(entry: RegionFit) -> list[str]:
    """A caution where held-out children say that the centiles of a region are off."""
    found = [f"{row.observed:.1f} % below the {row.centile:g}th" for row in entry.calibration.wrong]
    titles = {"M": "boys", "F": "girls"}
    found += [
        f"{titles.get(group, group)}: {row.observed:.1f} % below the {row.centile:g}th"
        for group, row in entry.calibration.wrong_groups
    ]
    told = "; ".join(found)
    return [f"The centiles of the {spoken(entry.region)} are off for children held out: {told}."] if told else []


class _Told:
    """Tells the progress of one region as part of the whole."""

    def __init__(self, context: JobContext, start: float, stop: float, region: str) -> None:
        self.context, self._start, self._stop, self._region = context, start, stop, region

    def progress(self, part: float, message: str) -> None:
        self.context.progress(self._start + (self._stop - self._start) * part, f"{self._region}: {message}")


class _Done(BaseModel):
    """A region that is done, for a run that goes on."""

    entry: RegionFit
    far: tuple[str, ...]


def _region(
    region: str, cohort: Cohort, scale: AgeScale, params: FitParams, told: _Told
) -> tuple[RegionFit, tuple[str, ...]]:
    """One region: model, calibration, repeats; from the job's folder if it stands there already."""
    path = told.context.folder / f"{region}.json"
    if path.exists():
        done = _Done.model_validate_json(path.read_text(encoding="utf-8"))
        return done.entry, done.far
    volumes = cohort.volumes(region)
    there = np.flatnonzero(np.isfinite(volumes))
    data = Data(volumes[there], cohort.ages[there], cohort.female[there])
    subjects = [cohort.scans[index].subject for index in there]
    model = _fit(params.method, data, scale)
    z = np.empty(len(data))
    parts = folds_of(data.female, data.ages, params.folds, params.seed)
    for part in range(params.folds):
        told.progress(0.1 + 0.4 * part / params.folds, f"calibration, part {part + 1} of {params.folds}")
        held = np.flatnonzero(parts == part)
        other = _fit(params.method, data.of(np.flatnonzero(parts != part)), scale)
        z[held] = other.z(data.y[held], scale, data.ages[held], data.female[held], vector(other))[0]
    repeats = REPEATS[params.method] if params.repeats is None else params.repeats
    replicates: list[tuple[float, ...]] = []
    for number in range(repeats):
        if number % 10 == 0:
            told.progress(0.5 + 0.5 * number / repeats, f"bootstrap, {number} of {repeats}")
        beta = _refit(model, data.of(_resample(cohort, there, params.seed, number)), scale)
        if np.isfinite(beta).all():
            replicates.append(_rounded(beta))
    notes: list[str] = []
    if len(replicates) < repeats:
        notes.append(f"{repeats - len(replicates)} of {repeats} bootstrap samples gave no model.")
    if isinstance(model, QuantileModel):
        crossed = crossings(model, scale, data)
        if crossed:
            notes.append(f"Centiles crossed at the age and sex of {100 * crossed:.1f} % of the children; put in order.")
    entry = RegionFit(
        region=region,
        n_male=int(np.sum(data.female == 0)),
        n_female=int(np.sum(data.female == 1)),
        model=model,
        replicates=tuple(replicates),
        calibration=calibrate(z, data.ages, data.female, params.folds),
        notes=tuple(notes),
    )
    far = tuple(
        f"The {spoken(region)} of {subjects[index]} lies {signed(float(z[index]), 1)} SDs from the other children: "
        "look at its label map."
        for index in np.flatnonzero(np.abs(z) > _FAR)
    )
    replace_text(path, _Done(entry=entry, far=far).model_dump_json())
    return entry, far


def _fit(method: Method, data: Data, scale: AgeScale) -> Model:
    """A model of one region, its terms chosen."""
    if method == "linear":
        return fit_linear(data, scale)
    if method == "quantile":
        return choose_quantiles(data, scale)
    found = choose(data, scale)
    family = "SHASH" if found.structure.family.name == "SHASH" else "BCCG"
    return ShapeModel(family=family, terms=found.structure.terms, coefficients=_rounded(found.beta))


def _refit(model: Model, data: Data, scale: AgeScale) -> Array:
    """Coefficients of the same terms fitted to other children."""
    if isinstance(model, LinearModel):
        return refit_linear(data, model.terms, scale)
    if isinstance(model, QuantileModel):
        return refit_quantiles(data, model.terms, scale)
    near = Fit(model.structure, np.asarray(model.coefficients), 0.0, len(data))
    return fit(model.structure, data, scale, near).beta


def _resample(cohort: Cohort, there: Index, seed: int, number: int) -> Index:
    """Children drawn with replacement, each sex by itself, the same in all regions as far as they have the region."""
    rng = np.random.default_rng([seed, number])
    female = cohort.female
    drawn = np.concatenate(
        [rng.choice(found, found.size) for sex in (0, 1) if (found := np.flatnonzero(female == sex)).size]
    )
    place = np.full(female.size, -1)
    place[there] = np.arange(there.size)
    return place[drawn][place[drawn] >= 0]


def _rounded(beta: Array) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in beta)


def _covered(cohort: Cohort) -> tuple[float, float]:
    """Youngest and oldest age that each sex of the cohort has children of, widened to hundredths of a year."""
    ages = [cohort.ages[cohort.female == sex] for sex in (0, 1)]
    there = [found for found in ages if found.size]
    low, high = max(float(found.min()) for found in there), min(float(found.max()) for found in there)
    return math.floor(low * 100 + 1e-6) / 100, math.ceil(high * 100 - 1e-6) / 100


def _few(cohort: Cohort, region: str, params: FitParams) -> str:
    """How many children have a region, where that is too few; else empty."""
    has = np.isfinite(cohort.volumes(region))
    counts = {sex: int(np.sum(has & (cohort.female == code))) for sex, code in (("boys", 0), ("girls", 1))}
    asked = {"M": ("boys",), "F": ("girls",), None: ("boys", "girls")}[params.selection.sex]
    short = any(counts[sex] < LEAST_PER_SEX[params.method] for sex in asked)
    return " and ".join(f"{counts[sex]} {sex}" for sex in asked) if short else ""


def _pairs(cohort: Cohort, names: tuple[str, ...]) -> list[PairFit]:
    """Right minus left of each pair and sex: a line over age; none of a pair that too few of a sex have."""
    found: list[PairFit] = []
    sexes = [(sex, code) for sex, code in (("M", 0), ("F", 1)) if cohort.count(sex)]
    for name in names:
        pair = name.removeprefix("right_")
        if pair == name or f"left_{pair}" not in names:
            continue
        difference = cohort.volumes(name) - cohort.volumes(f"left_{pair}")
        both: list[PairFit] = []
        for sex, code in sexes:
            chosen = np.isfinite(difference) & (cohort.female == code)
            n = int(chosen.sum())
            if n < LEAST_PER_SEX["linear"]:
                continue
            values, ages = difference[chosen], cohort.ages[chosen]
            middle = float(ages.mean())
            matrix = np.column_stack([np.ones(n), ages - middle])
            beta = np.linalg.lstsq(matrix, values, rcond=None)[0]
            rest = values - matrix @ beta
            sd = float(np.sqrt(rest @ rest / (n - 2)))
            if sd > 0:
                mean, slope = (float(value) for value in beta)
                both.append(PairFit(pair=pair, sex=sex, n=n, mean=mean, slope=slope, mean_age=middle, sd=sd))
        if len(both) == len(sexes):
            found += both
    return found


def _card(params: FitParams, cohort: Cohort, ages: tuple[float, float], cautions: list[str]) -> Card:
    thickness = [scan.thickness_mm for scan in cohort.scans if scan.thickness_mm is not None]
    return Card(
        name=params.name,
        title=params.title,
        scheme=params.scheme,
        method=params.method,
        population=params.population or "children of this study",
        centre=params.centre or "centre not told",
        age_min_years=ages[0],
        age_max_years=ages[1],
        age_mean_years=float(cohort.ages.mean()),
        n_male=cohort.count("M"),
        n_female=cohort.count("F"),
        scanners=_counted([scan.scanner or "unknown" for scan in cohort.scans]),
        thickness_min_mm=min(thickness, default=None),
        thickness_max_mm=max(thickness, default=None),
        thickness_unknown=len(cohort.scans) - len(thickness),
        sources=_counted([scan.source or "unknown" for scan in cohort.scans]),
        unaccepted=sum(not scan.accepted for scan in cohort.scans),
        unread=sum(scan.accepted and scan.unread for scan in cohort.scans),
        excluded=cohort.excluded,
        phantoms=cohort.phantoms,
        repeats=REPEATS[params.method] if params.repeats is None else params.repeats,
        seed=params.seed,
        cautions=tuple(cautions),
        program=f"CT Workbench {code_version()}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        author=params.author,
    )


def _counted(names: list[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())

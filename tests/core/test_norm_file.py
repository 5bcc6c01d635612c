"""A norm as a file: whole, of this program, of a format it knows, unchanged; and as it answers for one child."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import card, centile_of, published_norm
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm_file import NormFile, parse, read
from ctworkbench.core.norms.simulated import simulate
from tests.core.norm_cohorts import fitted, scans_of

NORM = published_norm()
REGIONS = ("right_frontal", "left_frontal", "brainstem")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> NormFile:
    scans = scans_of(simulate(NORM, 400, 6), REGIONS)
    return fitted(tmp_path_factory.mktemp("fit"), scans, "lms", repeats=60).norm


@pytest.fixture(scope="module")
def norm(file: NormFile) -> FittedNorm:
    return FittedNorm(file)


def rewritten(file: NormFile, change: Callable[[dict], object]) -> str:
    content = json.loads(file.text())
    change(content)
    return json.dumps(content)


def test_that_a_file_comes_back_as_it_was(file: NormFile, tmp_path: Path) -> None:
    path = tmp_path / "own.norm.json"
    path.write_text(file.text(), encoding="utf-8")
    again = read(path)
    assert again == file and again.sha256 == file.sha256 and again.text() == file.text()


def test_that_the_hash_does_not_depend_on_how_the_json_is_laid_out(file: NormFile) -> None:
    assert parse(json.dumps(json.loads(file.text()), indent=4), "x") == file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content["norm"]["card"].update(n_male=9999), "was changed after it was written"),
        (lambda content: content.pop("sha256"), "was changed after it was written"),
        (lambda content: content.update(sha256="0" * 64), "was changed after it was written"),
        (lambda content: content.update(format="somebody-elses"), "is not a norm of CT Workbench"),
        (lambda content: content.update(version=3), "is a norm of format 3; this version .* reads up to format 2"),
    ],
)
def test_that_a_changed_foreign_or_newer_file_is_refused_by_name(file: NormFile, change, words: str) -> None:
    with pytest.raises(WorkbenchError, match=f"theirs.json {words}"):
        parse(rewritten(file, change), "theirs.json")


@pytest.mark.parametrize("text", ["", "not JSON", "[1, 2]", '"ctworkbench-norm"'])
def test_that_what_is_no_norm_at_all_is_refused(text: str) -> None:
    with pytest.raises(WorkbenchError, match=r"theirs.json is not a norm"):
        parse(text, "theirs.json")


def test_that_a_file_that_is_not_whole_is_refused_by_the_place(file: NormFile) -> None:
    content = json.loads(file.text())
    del content["norm"]["card"]["n_male"], content["sha256"]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    content["sha256"] = hashlib.sha256(canonical).hexdigest()
    with pytest.raises(WorkbenchError, match=r"is not a whole norm: card\.n_male"):
        parse(json.dumps(content), "theirs.json")


def test_that_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="cannot be read"):
        read(tmp_path / "nowhere.json")
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(WorkbenchError, match="it is not text"):
        read(tmp_path / "picture.json")


Content = dict[str, Any]


def signed_anew(file: NormFile, change: Callable[[Content], object]) -> str:
    """The text of a file that was changed by somebody who also made its hash anew."""
    content: Content = json.loads(file.text())
    change(content["norm"])
    content.pop("sha256")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return json.dumps(content | {"sha256": hashlib.sha256(canonical).hexdigest()})


def shortened(region: Content) -> None:
    """A model with too few coefficients for its terms, and no repeats that would tell."""
    region["model"]["coefficients"] = [1.0]
    region["replicates"] = []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda norm: norm["card"].update(age_min_years=5.0, age_max_years=1.0), "its ages run from 5 to 1 years"),
        (lambda norm: norm["card"].update(age_max_years=1e6), "its ages run"),
        (lambda norm: norm["card"].update(n_male=-3), "counts no children"),
        (lambda norm: norm["card"].update(n_male=0, n_female=0), "counts no children"),
        (lambda norm: norm["card"].update(confidence=100.0), "intervals are of 100 %"),
        (lambda norm: norm["card"].update(title="\x1b[31mred"), "its title holds signs"),
        (lambda norm: norm.update(regions=[]), "it has no region"),
        (lambda norm: norm["regions"].append(norm["regions"][0]), "or one twice"),
        (lambda norm: shortened(norm["regions"][0]), "cannot be worked out"),
        (lambda norm: norm["regions"][0].update(replicates=[[1.0]]), "the repeats of"),
        (lambda norm: norm["regions"][0]["model"]["coefficients"].__setitem__(0, 20.0), "is no volume in cm³"),
        (lambda norm: norm["regions"][0]["model"]["coefficients"].__setitem__(0, 2e5), "do not rise"),
        (lambda norm: norm["regions"][0]["model"]["coefficients"].__setitem__(-1, -1e4), "do not rise"),
        (lambda norm: norm["pairs"][0].update(sd=0.0), "the asymmetry of"),
        (lambda norm: norm["age_scale"].update(low=2.0, high=2.0), "scale of ages does not rise"),
    ],
)
def test_that_nonsense_under_a_hash_of_its_own_is_refused_and_said(
    file: NormFile, tmp_path: Path, change: Callable[[Content], object], words: str
) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(signed_anew(file, change), encoding="utf-8")
    with pytest.raises(WorkbenchError, match=f"theirs.json is not a whole norm: .*{words}"):
        read(path)
    path.write_text(signed_anew(file, lambda _: None), encoding="utf-8")
    assert read(path) == file


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format": "ctworkbench-norm", "version": 1, "norm": "\\ud800"}', '{"version": NaN}']
)
def test_that_json_made_to_break_a_reader_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkbenchError):
        read(path)


def test_that_z_and_volume_undo_each_other(norm: FittedNorm) -> None:
    for sex in "MF":
        for z in (-2.0, 0.0, 1.3):
            volume = norm.volume_at("brainstem", sex, 2.1, z)
            assert norm.z("brainstem", sex, 2.1, volume) == pytest.approx(z, abs=1e-9)
            assert norm.centile("brainstem", sex, 2.1, volume) == pytest.approx(centile_of(z))


def test_that_expected_volumes_are_near_the_norm_that_the_cohort_came_from(norm: FittedNorm) -> None:
    for region in REGIONS:
        for sex in "MF":
            far = (norm.mean(region, sex, 2.0) - NORM.mean(region, sex, 2.0)) / NORM.sd(region)
            assert abs(far) < 0.25


def test_that_bands_and_curves_are_the_volumes_at_their_deviates(norm: FittedNorm) -> None:
    bands = norm.bands("brainstem", "F")
    curves = norm.curves("brainstem", "F", (centile_of(-1), 50.0, centile_of(2)))
    assert bands.minus1 == pytest.approx(next(iter(curves.values()))) and bands.mean == pytest.approx(curves[50.0])
    assert bands.ages[0] == norm.limits.age_min_years and len(bands.plus2) == 21
    assert (np.diff([bands.minus2, bands.minus1, bands.mean, bands.plus1, bands.plus2], axis=0) > 0).all()


def test_that_the_interval_holds_the_centile_and_narrows_with_the_children(norm: FittedNorm, tmp_path: Path) -> None:
    volume = norm.volume_at("brainstem", "M", 2.0, -1.0)
    low, high = interval_of(norm, volume)
    assert low < centile_of(-1) < high
    half = scans_of(simulate(NORM, 100, 6), REGIONS)
    small = FittedNorm(fitted(tmp_path, half, "linear", repeats=100).norm)
    wide = interval_of(small, small.volume_at("brainstem", "M", 2.0, -1.0))
    assert wide[1] - wide[0] > high - low


def interval_of(norm: FittedNorm, volume: float) -> tuple[float, float]:
    found = norm.assess("brainstem", "M", 2.0, volume)
    assert found.centile_low is not None and found.centile_high is not None
    return found.centile_low, found.centile_high


def test_that_the_interval_of_a_curve_holds_it(norm: FittedNorm) -> None:
    ends = norm.curve_interval("brainstem", "M", 5.0, (1.7, 2.0))
    assert ends is not None
    curve = norm.curves("brainstem", "M", (5.0,), (1.7, 2.0))[5.0]
    assert all(a < b < c for a, b, c in zip(ends[0], curve, ends[1], strict=True))


def test_that_a_norm_without_repeats_gives_no_interval(tmp_path: Path) -> None:
    scans = scans_of(simulate(NORM, 100, 6), ("brainstem",))
    norm = FittedNorm(fitted(tmp_path, scans, repeats=0).norm)
    assert norm.assess("brainstem", "M", 2.0, 25.0).centile_low is None
    assert norm.curve_interval("brainstem", "M", 50.0, (2.0,)) is None


def test_that_a_fitted_norm_refuses_outside_its_limits_and_says_why(norm: FittedNorm) -> None:
    assert norm.refusal("M", 2.0, "GE MEDICAL SYSTEMS Revolution CT", 0.625) is None
    assert norm.refusal("M", 3.0) == f"age 3 y is outside the norm's {norm.limits.ages}"
    assert norm.refusal("M", 2.0, "SIEMENS Force") == "the scanner SIEMENS Force is not the norm's GE Revolution CT"
    assert norm.refusal("M", 2.0, None, 5.0) == "slices of 5 mm are outside the norm's 0.625 mm"
    assert norm.assess("right_temporal", "M", 2.0, 99.0).reason == "the norm has no such region"
    assert norm.assess("brainstem", "M", 2.0, 0.0).reason == "the region is not in the label map"
    for question in (norm.z, norm.centile):
        with pytest.raises(WorkbenchError, match="No norm: age 3 y"):
            question("brainstem", "M", 3.0, 25.0)
    with pytest.raises(WorkbenchError, match="right_insula"):
        norm.mean("right_insula", "M", 2.0)
    with pytest.raises(WorkbenchError, match="depends on sex and age"):
        norm.sd("brainstem")


def test_that_asymmetry_follows_age_within_each_sex(norm: FittedNorm) -> None:
    assert norm.pairs == ("frontal",)
    assert norm.asymmetry_mean("frontal", "M") == pytest.approx(NORM.asymmetry_mean("frontal", "M"), abs=0.9)
    assert norm.asymmetry_sd("frontal", "M") == pytest.approx(NORM.asymmetry_sd("frontal", "M"), rel=0.15)
    at = norm.asymmetry_mean("frontal", "F", 2.3)
    assert norm.asymmetry_z("frontal", "F", 2.3, 180.0 + at, 180.0) == pytest.approx(0, abs=1e-9)


def test_that_many_deviates_at_once_are_those_of_one_at_a_time(norm: FittedNorm) -> None:
    together = norm.z_scores("brainstem", ["M", "F"], [1.8, 2.2], [24.0, 26.0])
    alone = [norm.z("brainstem", "M", 1.8, 24.0), norm.z("brainstem", "F", 2.2, 26.0)]
    assert list(together) == pytest.approx(alone) and all(math.isfinite(z) for z in alone)


def test_that_the_card_says_of_how_many_scans_the_slices_are_not_known(file: NormFile) -> None:
    some = file.model_copy(update={"card": file.card.model_copy(update={"thickness_unknown": 3})})
    assert "- **Slices**: 0.625 mm; not known of 3 scans" in card.markdown(FittedNorm(some))
    assert "not known of" not in card.markdown(FittedNorm(file))

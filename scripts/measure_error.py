"""Measure the measurement error of the presets of `label` on phantoms, for `resources/measurement_error`.

Each phantom is one body with a known truth. It is scanned several times: every scan has noise, a position, a gantry
tilt and a slice thickness of its own. All scans are labelled as the program does, with each preset, and their volumes
give, for each region, for right minus left of each pair and for the total: the within-subject SD of repeated
measurements (Sw, with its 95 % interval), and mean and SD of measured minus true. Heads that took part in the making of
the templates would flatter them: give others with --heads.

Run: python scripts/measure_error.py --heads DIR [--phantoms 9] [--scans 2] [--seed 613] [--presets quick balanced fine]
[--out DIR] [--work DIR]  (about 75 s a scan on one core; with --work a run that was cut off goes on)
"""

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ctworkbench import __version__
from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice, resample_labels
from ctworkbench.core.norms.measurement_error import TOTAL, bias_and_sd, within_subject_sd
from ctworkbench.core.phantom import PhantomParams, make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.register import EFFORT, LabelParams, Preset, bundled_templates, pseudo_label
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.template_library import offered_key
from ctworkbench.core.volume import read_nifti, write_nifti

# What differs from scan to scan beside noise and position: in-plane and slice spacing (mm), tilt (degrees), noise (HU).
PROTOCOLS: tuple[dict[str, Any], ...] = (
    {"spacing": (1.0, 1.0, 1.25), "tilt_degrees": 0.0, "noise_hu": 5.0},
    {"spacing": (0.9, 0.9, 2.5), "tilt_degrees": 12.0, "noise_hu": 4.0},
    {"spacing": (1.0, 1.0, 1.0), "tilt_degrees": -8.0, "noise_hu": 7.0},
)
VARIED = "other noise of 4 to 7 HU, position, gantry tilt of −8 to 12°, slices of 1 to 2.5 mm"


def scan_once(params: PhantomParams, presets: list[Preset], folder: Path) -> list[dict[str, Any]]:
    """Make one scan of a phantom, label it as the program does with each preset, and measure it against its truth."""
    context = JobContext(folder)
    made = make_phantom(params, context)
    files = sorted(path for path in made.series.rglob("*") if path.is_file())
    scan = folder / "scan.nii.gz"
    volume = read_series(next(iter(find_series(files).series.values()))).volume
    write_nifti(volume, scan)
    ready = preprocess(PreprocessParams(image=scan), context)
    found: list[dict[str, Any]] = []
    for preset in presets:
        begun = time.monotonic()
        request = LabelParams(
            scan=scan,
            image=ready.image,
            brain=ready.brain,
            skull=ready.skull,
            templates=bundled_templates(preset),
            preset=preset,
        )
        labels = read_nifti(pseudo_label(request, context).labels)
        codes = load().codes
        # a tilted scan is measured on an upright grid
        truth = resample_labels(read_nifti(made.truth), labels.grid, codes)
        counts = np.bincount(labels.voxels.ravel(), minlength=256)[list(codes)] * labels.grid.voxel_volume_mm3 / 1000
        measured = dict(zip(load().region_names, counts.tolist(), strict=True))
        found.append(
            {
                "preset": preset,
                "phantom": params.index,
                "scan": params.rescan,
                "head": made.head,
                "measured": _numbers(measured),
                "true": _numbers(made.true_cm3),
                "dice": float(np.mean(list(dice(labels.voxels, truth.voxels, codes).values()))),
                "seconds": time.monotonic() - begun,
            }
        )
    return found


def _numbers(volumes: dict[str, float]) -> dict[str, float]:
    """Regions, right minus left of each pair, and the total, in cm³."""
    pairs = {
        right.name.removeprefix("right_"): volumes[right.name] - volumes[left.name] for right, left in load().pairs
    }
    return volumes | pairs | {TOTAL: sum(volumes.values())}


def plan(heads: Path | None, phantoms: int, scans: int, seed: int, out: Path) -> list[PhantomParams]:
    """Every scan of every phantom; the first protocol for all, then the others in turn."""
    planned: list[PhantomParams] = []
    for body in plan_phantoms(out, phantoms, seed, heads):
        for number in range(scans):
            others = len(PROTOCOLS) - 1
            protocol = PROTOCOLS[0 if number == 0 else 1 + (body.index + number - 1) % others]
            planned.append(PhantomParams.model_validate(body.model_dump() | protocol | {"rescan": number}))
    return planned


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measurement error by name.

    Raises:
        ValueError: no phantom was scanned twice.
    """
    found: list[dict[str, Any]] = []
    for name in rows[0]["measured"]:
        by_phantom: dict[int, list[float]] = {}
        for row in rows:
            by_phantom.setdefault(row["phantom"], []).append(row["measured"][name])
        repeat = within_subject_sd(list(by_phantom.values()))
        error = bias_and_sd([row["measured"][name] - row["true"][name] for row in rows])
        if repeat is None or error is None:
            raise ValueError("no phantom was scanned twice")
        found.append(
            {
                "name": name,
                "sw_cm3": round(repeat.sw, 3),
                "sw_low_cm3": round(repeat.low, 3),
                "sw_high_cm3": round(repeat.high, 3),
                "bias_cm3": round(error[0], 3),
                "error_sd_cm3": round(error[1], 3),
            }
        )
    return found


def write(preset: Preset, rows: list[dict[str, Any]], seed: int, out: Path) -> None:
    """Write the figures of a preset with all that tells what they are worth."""
    heads = sorted({row["head"] for row in rows})
    card: dict[str, Any] = {
        "method": f"registration, {preset}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "program": __version__,
        "template_labels": _template_key(preset),
        "phantoms": len({row["phantom"] for row in rows}),
        "scans": len(rows),
        "seed": seed,
        "heads": heads,
        "ages_years": [1.5, 2.5],
        # finer slices than those measured are brought to 1 mm like them
        "thickness_mm": [0.3, max(one["spacing"][2] for one in PROTOCOLS)],
        "varied": VARIED,
        "mean_dice": round(float(np.mean([row["dice"] for row in rows])), 3),
    }
    lines = ["# Made by scripts/measure_error.py; volumes in cm³. See README.md beside this file."]
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in card.items()]
    for row in figures(rows):
        lines += ["", "[[figure]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _template_key(preset: Preset) -> str:
    """What a study writes down as the label maps that a preset of the bundled templates can have carried."""
    with tempfile.TemporaryDirectory() as scratch:
        keys = [VoxelStore(Path(scratch)).put_file(one.labels) for one in bundled_templates(preset)]
    return keys[0] if len(keys) == 1 else offered_key(keys)


def main() -> None:
    """Run every scan that is missing, then write the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--heads", type=Path, help="heads that took no part in the template (default: the shipped)")
    parser.add_argument("--phantoms", type=int, default=9)
    parser.add_argument("--scans", type=int, default=2, help="scans of each phantom")
    parser.add_argument("--seed", type=int, default=613)
    parser.add_argument("--presets", nargs="+", default=["quick", "balanced", "fine"], choices=list(EFFORT))
    parser.add_argument("--out", type=Path, default=resource("measurement_error"))
    parser.add_argument("--work", type=Path, help="folder that keeps what is done")
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    log = work / "scans.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["phantom"], row["scan"]) for row in rows}
    planned = plan(given.heads, given.phantoms, given.scans, given.seed, work)
    for params in planned:
        if (params.index, params.rescan) in done:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            new = scan_once(params.model_copy(update={"out": Path(scratch)}), given.presets, Path(scratch))
        rows += new
        with log.open("a") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in new)
        told = ", ".join(f"{row['preset']} Dice {row['dice']:.3f} in {row['seconds']:.0f} s" for row in new)
        print(f"phantom {params.index + 1}/{given.phantoms} {new[0]['head']}: {told}", flush=True)
    for preset in given.presets:
        out = given.out / f"registration_{preset}.toml"
        write(preset, [row for row in rows if row["preset"] == preset], given.seed, out)
        print(f"Written: {out}")


if __name__ == "__main__":
    main()

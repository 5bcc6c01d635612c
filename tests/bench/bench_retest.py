"""Test and retest: one head scanned again with other noise, tilt, slices, dose or kernel; how far its volumes move.

    make bench-retest ARGS="--heads FOLDER --n 3 --seed 611 --presets quick balanced --out FOLDER"

Each phantom is scanned once as the norm's children were (slices of 0.625 mm, STANDARD) and again with one thing
changed at a time; every scan lies as the first does, except where the protocol says "position". All are labelled as the
program does. Printed, per protocol, over all regions and phantoms: Bland and Altman's bias and limits of agreement in
percent of the first scan's volume, the region whose mean moves most, and Dice against the truth. With --out also
`retest_PRESET.csv`, bias and limits in cm³ for each protocol and region, and `retest_PRESET.svg`, the picture of it.
With --work a run that was cut off goes on. About half a minute a scan and preset on one core.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ctworkbench.core.agreement.volumes import BlandAltman, bland_altman
from ctworkbench.core.analysis.figures import GREY, INK, Picture, new_figure, save
from ctworkbench.core.phantom import PhantomParams, plan_phantoms
from ctworkbench.core.register import EFFORT, Preset
from ctworkbench.core.schemes import load
from scripts.measure_error import scan_once

FIRST: dict[str, Any] = {"spacing": (0.9, 0.9, 0.625), "noise_hu": 5.0}
# The noise tells the scans apart; body and position are drawn from the seed alone.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "other noise": {"noise_hu": 5.2},
    "position": {"rescan": 1},
    "tilt 15°": {"tilt_degrees": 15.0},
    "slices 1.25 mm": {"spacing": (0.9, 0.9, 1.25)},
    "slices 2.5 mm": {"spacing": (0.9, 0.9, 2.5)},
    "slices 5 mm": {"spacing": (0.9, 0.9, 5.0)},
    "quarter of the dose": {"noise_hu": 10.0},
    "kernel SOFT": {"kernel": "SOFT"},
    "kernel DETAIL": {"kernel": "DETAIL"},
}


def main() -> None:
    """Print the table; write the one of all regions and its picture where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of heads; those shipped took part in the template's labels")
    parser.add_argument("--n", type=int, default=3, help="number of phantoms")
    parser.add_argument("--seed", type=int, default=611)
    parser.add_argument("--presets", nargs="+", default=["quick"], choices=list(EFFORT))
    parser.add_argument("--out", type=Path, help="folder for the tables and pictures")
    parser.add_argument("--work", type=Path, help="folder for what was measured already")
    given = parser.parse_args()
    protocols = {"first": {}, **PROTOCOLS}
    found: dict[str, list[dict[str, dict[str, Any]]]] = {name: [] for name in protocols}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(given.n):
            for name, changed in protocols.items():
                folder = Path(scratch) / f"{number}_{len(found[name])}_{list(protocols).index(name)}"
                params = plan_phantoms(folder, given.n, given.seed, given.heads, **(FIRST | changed))[number]
                found[name].append(measured(params, given.presets, given.work))
                told = ", ".join(f"{preset} {one['dice']:.3f}" for preset, one in found[name][-1].items())
                print(f"phantom {number + 1}, {name}: Dice {told}", flush=True)
    for preset in given.presets:
        of_one = {name: [row[preset] for row in rows] for name, rows in found.items()}
        first = volumes(of_one.pop("first"))
        print(f"\n{preset}:", end="")
        tell(first, of_one)
        if given.out is not None:
            given.out.mkdir(parents=True, exist_ok=True)
            write_table(first, of_one, given.out / f"retest_{preset}.csv")
            save(picture(preset, first, of_one), given.out, ("svg", "png"))


def measured(params: PhantomParams, presets: list[Preset], work: Path | None) -> dict[str, dict[str, Any]]:
    """Volumes by region in cm³ and mean Dice of one scan, labelled with each preset; kept in `work`."""
    told = params.model_dump_json(exclude={"out", "head"}) + params.head.name + str(presets)
    kept = None if work is None else work / f"{np.base_repr(hash_of(told), 36)}.json"
    if kept is not None and kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    folder = params.out
    folder.mkdir(parents=True)
    answer = {
        row["preset"]: {"cm3": [row["measured"][name] for name in load().region_names], "dice": row["dice"]}
        for row in scan_once(params, presets, folder)
    }
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def hash_of(text: str) -> int:
    """A number that stands for a text in the name of a file."""
    import hashlib

    return int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)


def volumes(rows: list[dict[str, Any]]) -> np.ndarray:
    """Volumes in cm³, phantoms by regions."""
    return np.array([row["cm3"] for row in rows])


def tell(first: np.ndarray, found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the table over all regions, in percent."""
    print("\n| changed | bias, % | limits of agreement, % | region that moves most, mean % | mean Dice |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        change = 100 * (volumes(rows) / first - 1)
        limits = bland_altman(np.zeros(change.size), change.ravel())
        means = change.mean(axis=0)
        worst = int(np.argmax(np.abs(means)))
        dices = np.mean([row["dice"] for row in rows])
        span = f"{limits.lower.value:+.1f} to {limits.upper.value:+.1f}"
        region = f"{load().regions[worst].title} {means[worst]:+.1f}"
        print(f"| {name} | {limits.bias.value:+.2f} | {span} | {region} | {dices:.3f} |")


def write_table(first: np.ndarray, found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Bias and limits of agreement of each protocol and region, cm³."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["changed", "region", "phantoms", "bias_cm3", "bias_low", "bias_high", "sd", "lower", "upper"])
        for name, rows in found.items():
            for number, region in enumerate(load().regions):
                limits: BlandAltman = bland_altman(first[:, number], volumes(rows)[:, number])
                told = (limits.bias.value, limits.bias.low, limits.bias.high, limits.sd)
                told = (*told, limits.lower.value, limits.upper.value)
                writer.writerow([name, region.name, limits.cases, *(f"{value:.3f}" for value in told)])


def picture(preset: Preset, first: np.ndarray, found: dict[str, list[dict[str, Any]]]) -> Picture:
    """Bland and Altman's picture of each protocol, regions in their colours; differences in percent of the mean."""
    figure = new_figure(7.1, 4.6)
    grid = figure.subplots(2, -(-len(found) // 2), sharex=True, sharey=True, squeeze=False)
    for panel in grid.ravel()[len(found) :]:
        panel.set_visible(False)
    for panel, (name, rows) in zip(grid.ravel(), found.items(), strict=False):
        again = volumes(rows)
        mean = (first + again) / 2
        change = 100 * (again - first) / mean
        for number, region in enumerate(load().regions):
            panel.scatter(mean[:, number], change[:, number], s=10, color=region.color, edgecolor=INK, linewidth=0.3)
        limits = bland_altman(np.zeros(change.size), change.ravel())
        panel.axhline(0, color=GREY, linewidth=0.5)
        for value, style in ((limits.bias, "-"), (limits.lower, "--"), (limits.upper, "--")):
            panel.axhline(value.value, color=INK, linestyle=style, linewidth=0.8)
        panel.set_title(f"{name}\n{limits.bias.value:+.1f} % ± {1.96 * limits.sd:.1f}".replace("-", "−"), fontsize=8)
        panel.tick_params(labelsize=7)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    figure.supxlabel("Mean of both scans, cm³", fontsize=8)
    figure.supylabel("Second minus first scan, % of the mean", fontsize=8)
    figure.tight_layout()
    return Picture(
        f"retest_{preset}", "Volumes of the same phantom scanned again: bias and limits of agreement.", figure
    )


if __name__ == "__main__":
    main()

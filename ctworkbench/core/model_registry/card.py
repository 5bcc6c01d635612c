"""The card of a model for people: what it is for, what it learned from, how well it does, where it ends."""

import json
import re
from typing import Any

from ctworkbench.core.card_document import RESEARCH_ONLY, Section
from ctworkbench.core.model_registry.facts import ModelFacts, settings_told
from ctworkbench.core.schemes import load
from ctworkbench.core.wording import count

_KINDS = {
    "pseudo": "agreement with pseudo-labels",
    "expert": "accuracy against expert labels",
    "truth": "accuracy against the truth of digital phantoms",
}
_MARKS = re.compile(r"[\\`*\[\]<>|&]")
_BLOCK = re.compile(r"^([#+~=_-]|\d+(?=[.)]))")
_INPUTS = {"equalized": "the equalized brain image", "hu": "HU of the brain, cut to the brain window"}


def sections(facts: ModelFacts) -> tuple[Section, ...]:
    """The card without its table of regions; see `region_table`."""
    settings = settings_told(facts.preset, facts.settings)
    inputs = _INPUTS.get(str(settings.get("sees", "equalized")), "the brain image")
    if settings.get("coordinates"):
        inputs += ", and the place within the brain's box"
    spacing = settings.get("spacing_mm")
    regions = len(load(facts.scheme).regions)
    is_what = [
        ("Use", "label maps of the head CT of a child, for a reader who looks at them and corrects them"),
        ("Network", f"{facts.network}{_told(facts.network_params)}"),
        ("Input", f"{inputs}{f', voxels of {spacing:g} mm' if spacing else ''}"),
        ("Output", f"{regions} regions of the scheme {facts.scheme}, on the scan's own grid"),
        ("Weights", f"SHA-256 {facts.weights_sha256}"),
    ]
    shown = ", ".join(f"{number} {role}" for role, number in facts.subjects.items())
    learned = [("Subjects", shown)] if shown else []
    learned += [("Labels", facts.label_kind), *(("", text) for text in facts.learned_from)]
    made = [
        ("Preset", facts.preset + (f", fold {facts.fold}" if facts.fold is not None else "")),
        (
            "Settings",
            _told({k: v for k, v in settings.items() if k not in ("title", "channels", "kernel")}, "") or "not told",
        ),
        ("Seed", "not known" if facts.seed is None else str(facts.seed)),
        ("Epochs", str(len(facts.history)) if facts.history else "not told"),
        ("Time", _time(facts)),
        ("Program", f"CT Workbench {facts.code_version}, torch {facts.torch_version or 'not known'}"),
        ("Date", facts.created[:10]),
    ]
    return (
        Section("What it is", tuple(is_what)),
        Section("What it learned from", tuple(learned)),
        Section("How it was trained", tuple(made)),
        Section("How well it does", tuple(_figures(facts))),
        Section("What to bear in mind", tuple(("", text) for text in cautions(facts))),
    )


def cautions(facts: ModelFacts) -> tuple[str, ...]:
    """What limits the trust in the model, a sentence each."""
    found = list(facts.cautions)
    if facts.validation and all(row.label_kind == "pseudo" for row in facts.validation):
        found.append("Its figures say how well it imitates the registration, not how right it is.")
    smallest = min((row.n for row in facts.validation), default=0)
    if 0 < smallest < 10:
        found.append(f"It was validated on {count(smallest, 'case')}: the figures may be off by a lot.")
    if all(row.label_kind == "truth" for row in facts.validation):
        found.append("It was not validated on scans of patients.")
    found.append("On scanners, ages and illnesses that it did not see, it may be wrong and look right.")
    return tuple(found)


def region_table(facts: ModelFacts) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and rows of Dice by region: training set, then validation by kind of label."""
    heading = ("Region", "training", *(f"validation, {row.label_kind} labels" for row in facts.validation))
    rows: list[tuple[str, ...]] = []
    for region in load(facts.scheme).regions:
        values = [
            facts.dice_train_regions.get(region.name),
            *(row.regions.get(region.name) for row in facts.validation),
        ]
        if any(value is not None for value in values):
            rows.append((region.title, *("–" if value is None else f"{value:.3f}" for value in values)))
    return heading, rows


def markdown(facts: ModelFacts) -> str:
    """The card as Markdown; what the facts say is text throughout, as they may come from somebody else's file."""
    lines = [f"# {_text(facts.title)}", "", f"**{RESEARCH_ONLY}**", ""]
    for section in sections(facts):
        lines += [f"## {section.heading}", ""]
        lines += [f"- **{title}**: {_text(text)}" if title else f"- {_text(text)}" for title, text in section.lines]
        lines.append("")
    heading, rows = region_table(facts)
    if rows:
        lines += ["## Dice by region", "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join(lines)


def _text(value: str) -> str:
    """A value on one line in which nothing is Markdown or HTML."""
    line = _MARKS.sub(r"\\\g<0>", " ".join(value.split()))
    return _BLOCK.sub(lambda found: f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}", line)


def _figures(facts: ModelFacts) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for row in facts.validation:
        spread = "" if row.sd is None else f", SD {row.sd:.3f}"
        told = f"Dice {row.mean:.3f}{spread}, {count(row.n, 'case')}: {_KINDS[row.label_kind]}"
        found.append(("Validation", told))
    if facts.dice_train is not None:
        found.append(("Training set", f"Dice {facts.dice_train:.3f}, on the network's own grid"))
    return found or [("", "No figure was measured.")]


def _time(facts: ModelFacts) -> str:
    if facts.seconds is None:
        return "not told"
    length = f"{facts.seconds:.0f} s" if facts.seconds < 120 else f"{facts.seconds / 60:.0f} min"
    where = {"cpu": "CPU", "cuda": "GPU"}.get(facts.device, facts.device or "a machine that is not known")
    threads = count(facts.threads, "thread") if facts.threads else ""
    if facts.processes > 1:
        on = f"{facts.processes} {where}s" if facts.device == "cuda" else f"a {where}"
        return f"{length} on {on}, {facts.processes} processes" + (f" of {threads}" if threads else "")
    return f"{length} on a {where}" + (f", {threads}" if threads else "")


def _told(values: dict[str, Any], before: str = ": ") -> str:
    """Parameters as `name value`, in the order they have."""
    shown = ", ".join(f"{name.replace('_', ' ')} {_listed(value)}" for name, value in values.items())
    return f"{before}{shown}" if shown else ""


def _listed(value: object) -> str:
    """A value in words; brackets are round, since square ones are links in Markdown."""
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_listed, value))})"  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    return json.dumps(value) if isinstance(value, dict) else str(value)

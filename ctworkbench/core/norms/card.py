"""The card of a norm for people: what it stands for, how it was made, how well it holds, where it ends."""

from ctworkbench.core.card_document import RESEARCH_ONLY, Section
from ctworkbench.core.norms.calibration import CENTILES
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm import Norm
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count, signed

_CHOSEN = {
    "lms": "of age and sex in location, scale and shape, and the family: chosen for each region by BIC",
    "quantile": "of age and sex: chosen for each region by Schwarz' criterion over five centiles",
    "linear": "sex and age, as in the article",
}


def sections(norm: Norm) -> tuple[Section, ...]:
    """The card without its table of calibration; see `calibration_table`."""
    limits = norm.limits
    children = [
        ("Children", f"{limits.n:,} ({limits.n_male} boys, {limits.n_female} girls), aged {limits.ages}"),
        ("Population", limits.population),
        ("Centre", limits.centre),
        ("Scanner", limits.scanner),
        ("Slices", limits.thicknesses or "not known"),
    ]
    made = [("Method", limits.method)]
    if isinstance(norm, FittedNorm):
        card = norm.file.card
        children[3] = ("Scanner", ", ".join(f"{name} ({n})" for name, n in card.scanners.items()))
        if limits.thicknesses and card.thickness_unknown:
            children[4] = ("Slices", f"{limits.thicknesses}; not known of {count(card.thickness_unknown, 'scan')}")
        children += [
            ("Label maps", card.source_text),
            ("Left out", "; ".join(f"{reason}: {n}" for reason, n in card.excluded.items()) or "nobody"),
            ("Harmonized", "yes" if card.harmonized else "no: volumes as they were measured"),
        ]
        made = [
            ("Method", card.method_title),
            ("Terms", _CHOSEN[card.method]),
            ("Intervals", f"{card.confidence:g} %, from {card.repeats} bootstrap samples of the children"),
            ("Made with", f"{card.program}, {card.created[:10]}{f', by {card.author}' if card.author else ''}"),
            ("SHA-256", norm.file.sha256),
        ]
    else:
        made += [("Source", limits.citation), ("Licence", limits.licence)]
    if limits.rehearsal:
        children.insert(0, ("Phantoms", limits.rehearsal))
    return (
        Section("Who it is made from", tuple(children)),
        Section("How it was made", tuple(made)),
        Section("Where it ends", tuple(("", text) for text in ends(norm))),
        Section("What to bear in mind", tuple(("", text) for text in limits.cautions)),
    )


def ends(norm: Norm) -> tuple[str, ...]:
    """Whom the norm gives no centile, one sentence each."""
    limits = norm.limits
    found = [f"No centile below {limits.age_min_years:g} and above {limits.age_max_years:g} years, or of unknown age."]
    lone = "boys" if not limits.n_female else "girls" if not limits.n_male else ""
    found.append(f"No centile but for {lone}." if lone else "No centile where the sex is unknown.")
    scanners = ", ".join(limits.scanners)
    if scanners:
        found.append(f"No centile for another scanner than {scanners}; an unknown one is pointed out.")
    else:
        found.append("Scans of any scanner get a centile, since those of the children are not all known.")
    if limits.thicknesses:
        slices = limits.thicknesses + (f" ({limits.thickness_reason})" if limits.thickness_reason else "")
        found.append(f"No centile for slices other than {slices}; an unknown thickness is pointed out.")
    return tuple(found)


def calibration_table(norm: FittedNorm) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and rows of the calibration: coverage on children who were held out, in percent, by region."""
    heading = ("Region", "n", *(f"{centile:g}th" for centile in CENTILES), "error", "z mean", "z SD", "model")
    rows = [
        (
            spoken(entry.region).removesuffix(" lobe"),
            str(entry.calibration.n),
            *(f"{row.observed:.1f}" for row in entry.calibration.coverage),
            f"{entry.calibration.error:.1f}",
            signed(entry.calibration.mean),
            f"{entry.calibration.sd:.2f}",
            entry.model.text,
        )
        for entry in norm.file.regions
    ]
    return heading, rows


def markdown(norm: Norm) -> str:
    """The card as Markdown."""
    lines = [f"# Norm {norm.name}: {norm.title}", "", f"**{RESEARCH_ONLY}**", ""]
    for section in sections(norm):
        if not section.lines:
            continue
        lines += [f"## {section.heading}", ""]
        lines += [f"- **{title}**: {text}" if title else f"- {text}" for title, text in section.lines]
        lines.append("")
    if isinstance(norm, FittedNorm):
        heading, rows = calibration_table(norm)
        folds = norm.file.regions[0].calibration.folds
        lines += [
            "## How well it holds",
            "",
            f"Share of children below each centile, in percent, by models fitted without them ({folds} parts); "
            "error: mean distance of the five shares from what they should be, in points.",
            "",
            f"| {' | '.join(heading)} |",
            f"|{'---|' * len(heading)}",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    return "\n".join(lines)

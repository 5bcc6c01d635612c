"""What is said of the dot under the mouse or the keys."""

from typing import TYPE_CHECKING

from ctworkbench.core.wording import PHANTOM, count
from ctworkbench.ui.chart_groups import SEX_TITLES, VERDICTS, sex_key
from ctworkbench.ui.child_tables import centile_text, z_text
from ctworkbench.ui.cohort_table import age_text

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import Dot
    from ctworkbench.ui.chart_plot import DotPlot

_LEARNED = {
    "train": "the model was trained on this child",
    "validation": "this child is of the model's validation set",
    "test": "this child is of the model's test set",
}


def left_out(plot: "DotPlot") -> str:
    """How many scans a small chart has no strip for, as a sentence; "" where none."""
    beside = plot.beside_ids
    if not beside:
        return ""
    told = (
        f"Not drawn in small charts: {count(len(beside), 'scan')} of unknown age, or younger or older than the norm's"
    )
    return f"{told} children; a region by itself shows them."


def tip(plot: "DotPlot", dot: "Dot") -> str:
    """Who it is, what was measured, where it stands in the norm, and where the label map comes from."""
    data = plot.data
    if data is None:
        return dot.subject
    if dot.z is not None and dot.centile is not None:
        standing = f"z {z_text(dot.z)} · centile {centile_text(dot.centile)}"
    else:
        standing = f"no centile: {data.outside.get(dot.scan_id, 'the norm does not hold')}"
    labels = [f"labels v{dot.version} by {dot.source}", VERDICTS.get(dot.verdict, dot.verdict)]
    if dot.learned:
        labels.append(_LEARNED.get(dot.learned, dot.learned))
    who = [dot.subject, PHANTOM if dot.phantom else "", SEX_TITLES[sex_key(dot.sex)], age_text(dot.age_years)]
    where = [dot.site and f"site {dot.site}", dot.scanner, dot.role and f"split: {dot.role}"]
    if dot.warnings:
        where.append(count(dot.warnings, "warning"))
    value = f"{dot.value:+.1f}".replace("-", "−") if data.signed else f"{dot.value:.1f}"
    lines = (
        " · ".join(part for part in who if part),
        f"{value} {data.unit} · {standing}",
        " · ".join(labels),
        " · ".join(part for part in where if part),
        "Click: open the scan at this region · Ctrl+click: select",
    )
    return "\n".join(line for line in lines if line)

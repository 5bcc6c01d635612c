"""How the outcome of the checks looks: a shape and a colour for each severity, so that no colour stands alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ctworkbench.core.findings import Finding, Severity

if TYPE_CHECKING:
    from ctworkbench.core.workbench.checking import CheckedMap

GLYPHS: dict[Severity, str] = {
    Severity.WRONG: "▲",
    Severity.LOOK: "△",
    Severity.NOT_DONE: "○",
    Severity.OK: "",
}
COLORS: dict[Severity, str] = {
    Severity.WRONG: "#ff8a80",
    Severity.LOOK: "#f2b84b",
    Severity.NOT_DONE: "#9aa5b4",
    Severity.OK: "#9aa5b4",
}
_MEANINGS: dict[Severity, str] = {
    Severity.WRONG: "No sound label map looks like this:",
    Severity.LOOK: "Worth a look:",
    Severity.NOT_DONE: "Could not be checked:",
}


def mark_of(row: "CheckedMap | None") -> tuple[str, str, str]:
    """The mark of a scan in the list: the gravest severity, how many checks tell of something, and the colour."""
    if row is None:
        return "", "", COLORS[Severity.OK]
    if not row.checked:
        return GLYPHS[Severity.NOT_DONE], "", COLORS[Severity.NOT_DONE]
    number = len({one.check for one in row.told})
    return GLYPHS[row.severity] if number else "", str(number) if number else "", COLORS[row.severity]


def told_of(row: "CheckedMap | None", titles: Mapping[str, str]) -> list[str]:
    """What the tooltip of a scan says of its checks, a line each."""
    if row is None:
        return []
    if not row.checked:
        return ["Not checked yet"]
    if not row.told:
        return ["The checks found nothing to look at"]
    lines: list[str] = []
    for severity, meaning in _MEANINGS.items():
        found = [one for one in row.told if one.severity is severity]
        if found:
            lines += [meaning, *(f"  {line_of(one, titles)}" for one in found)]
    return lines


def line_of(finding: Finding, titles: Mapping[str, str]) -> str:
    """One finding in a line."""
    return f"{GLYPHS[finding.severity]} {titles.get(finding.check, finding.check)}: {finding.sentence}"

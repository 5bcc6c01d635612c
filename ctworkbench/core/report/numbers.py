"""Numbers as they are printed: no more digits than mean something, a true minus, and "—" for what is not said."""

from ctworkbench.core.wording import NOTHING, signed

__all__ = ["NOTHING", "centile_text", "range_text", "reach_text", "signed", "years_text", "z_text"]


def z_text(z: float | None) -> str:
    """A z-score in five characters: "+4.35", "+44.3", "+443"."""
    if z is None:
        return NOTHING
    return signed(z, 2 if abs(z) < 9.995 else 1 if abs(z) < 99.95 else 0)


def centile_text(centile: float | None) -> str:
    """A centile: no more digits than mean something, "—" where there is none."""
    if centile is None:
        return NOTHING
    if centile < 0.1:
        return "<0.1"
    if centile > 99.9:
        return ">99.9"
    return f"{centile:.1f}" if centile < 1 or centile > 99 else f"{centile:.0f}"


def range_text(low: float | None, high: float | None) -> str:
    """An interval of centiles, "62–74"; "—" where there is none."""
    if low is None or high is None:
        return NOTHING
    first, last = centile_text(low), centile_text(high)
    return first if first == last else f"{first}–{last}"


def reach_text(reach: float | None, digits: int = 1) -> str:
    """Half of an interval, "±3.1"; "—" where it is not known."""
    return NOTHING if reach is None else f"±{reach:.{digits}f}"


def years_text(years: float | None) -> str:
    """An age in years with two decimals; "—" where it is not known."""
    return NOTHING if years is None else f"{years:.2f}"

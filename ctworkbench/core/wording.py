"""Words that all texts for people share."""

NOTHING = "—"
"""What stands in the place of a number that is not said."""
PHANTOM = "digital phantom, no child"
"""What a scan of a phantom is called wherever its numbers are shown."""
REHEARSAL = "Norm made of digital phantoms, for rehearsal only"
"""What is said of a norm that phantoms are in."""


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, "+0.50" or "−0.50"; zero has none."""
    if value is None:
        return NOTHING
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 scan", "1,487 scans", "2 series"; `plural` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


SOURCE_TITLES = {
    "current": "Current label maps",
    "registration": "Atlas registration",
    "expert": "Expert corrections",
    "model": "Model",
}
"""Which label maps numbers are from, as every choice of them is called."""
_MAKERS = {"registration": "by registration", "expert": "by an expert", "model": "by a model"}


def label_map(source: str) -> str:
    """What a label map of a source is called in a sentence: "label map by a model"; "current" is any that counts."""
    return f"label map {_MAKERS[source]}" if source in _MAKERS else "label map"


def rehearsal(number: int, of: int) -> str:
    """What must stand beside every number from a norm that phantoms are in; "" where none is."""
    if not number:
        return ""
    some = "" if number == of else f" ({number:,} of {of:,} scans)"
    return f"{REHEARSAL}{some}: it says nothing about a child."


def phantoms(number: int, of: int) -> str:
    """How many scans are of digital phantoms, as a sentence; "" where none is."""
    if not number:
        return ""
    if number == of:
        return f"All {of:,} scans are of digital phantoms, not of children." if of > 1 else f"A {PHANTOM}."
    what = "is of a digital phantom, not of a child" if number == 1 else "are of digital phantoms, not of children"
    return f"{number:,} of {of:,} scans {what}."

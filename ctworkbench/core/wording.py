"""Words that all texts for people share."""

PHANTOM = "digital phantom, no child"
"""What a scan of a phantom is called wherever its numbers are shown."""


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 scan", "3 scans", "2 series"; `plural` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def phantoms(number: int, of: int) -> str:
    """How many scans are of digital phantoms, as a sentence; "" where none is."""
    if not number:
        return ""
    if number == of:
        return f"All {of:,} scans are of digital phantoms, not of children." if of > 1 else f"A {PHANTOM}."
    what = "is of a digital phantom, not of a child" if number == 1 else "are of digital phantoms, not of children"
    return f"{number:,} of {of:,} scans {what}."

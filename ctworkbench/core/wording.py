"""Words that all texts for people share."""


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 scan", "3 scans", "2 series"; `plural` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"

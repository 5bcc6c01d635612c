"""Names of scanners: one device is written in several ways, and must not count as several."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_MAKERS = {
    "ge": ("ge medical systems", "ge medical system", "ge healthcare", "gehc", "general electric medical systems",
           "general electric healthcare", "general electric"),
    "siemens": ("siemens healthineers ag", "siemens healthineers", "siemens healthcare gmbh", "siemens healthcare",
                "siemens medical systems", "siemens ag"),
    "philips": ("philips medical systems", "philips healthcare", "koninklijke philips"),
    "canon": ("canon medical systems corporation", "canon medical systems", "canon medical", "canon_mec"),
    "toshiba": ("toshiba_mec", "toshiba medical systems corporation", "toshiba medical systems", "toshiba medical"),
    "hitachi": ("hitachi medical corporation", "hitachi medical systems", "hitachi medical", "hitachi healthcare"),
    "neusoft": ("neusoft medical systems co ltd", "neusoft medical systems", "neusoft medical"),
    "united imaging": ("united imaging healthcare", "uih"),
}  # fmt: skip
"""What makers call themselves from header to header, in lower case and without signs, by what they are called here."""
_LEGAL = frozenset({"corporation", "inc", "ag", "gmbh", "ltd"})


def same_scanner(one: str, other: str) -> bool:
    """Whether two texts name one maker and model.

    "GE MEDICAL SYSTEMS Revolution CT" and "ge  Revolution ct" are the same; "GE Revolution EVO" is another.
    """
    return _key(one) == _key(other)


def one_name_each(found: Iterable[str]) -> dict[str, str]:
    """For every name of a scanner the one to count it under: of the spellings of one device the most frequent.

    Args:
        found: as they stand with the scans, each as often as it does; "" stays what it is.
    """
    counts = Counter(found)
    spellings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in counts:
        spellings[_key(name)].append(name)
    common = {
        key: min(names, key=lambda name: (-counts[name], name != " ".join(name.split()), name))
        for key, names in spellings.items()
    }
    return {name: common[_key(name)] for name in counts}


def _key(scanner: str) -> tuple[str, ...]:
    """The maker by its one name, then the words of the model in their order."""
    text = " ".join(word for word in re.findall(r"\w+", scanner.casefold()) if word not in _LEGAL)
    for maker, names in _MAKERS.items():
        for name in (*names, maker):
            if text == name or text.startswith(f"{name} "):
                rest = text[len(name) :].split()
                while rest and rest[0] == maker:  # "GE MEDICAL SYSTEMS GE Revolution CT"
                    rest = rest[1:]
                return (maker, *rest)
    return tuple(text.split())

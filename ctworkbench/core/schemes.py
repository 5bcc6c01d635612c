"""Region schemes: which codes a label map holds, read from `resources/schemes/*.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import resource

DEFAULT = "lobes10"


@dataclass(frozen=True)
class Region:
    """One region of a scheme.

    Attributes:
        code: its value in label maps, 1 or more.
        name: its name in tables, such as "right_frontal".
        title: its name for people.
        side: "left", "right", or "both" for a region that crosses the midline.
        mirror: code of the same region on the other side; its own code where there is none.
        color: "#rrggbb".
    """

    code: int
    name: str
    title: str
    side: Literal["left", "right", "both"]
    mirror: int
    color: str


@dataclass(frozen=True)
class Scheme:
    """A set of regions that label maps of a study are drawn in."""

    name: str
    title: str
    regions: tuple[Region, ...]

    def region(self, name: str) -> Region:
        """The region of a name."""
        for region in self.regions:
            if region.name == name:
                return region
        raise WorkbenchError(
            f"The scheme {self.name} has no region {name!r}.", f"It has {', '.join(self.region_names)}."
        )

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names in the order of the scheme."""
        return tuple(region.name for region in self.regions)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes in the order of the scheme."""
        return tuple(region.code for region in self.regions)

    @property
    def mirror_table(self) -> NDArray[np.uint8]:
        """uint8 lookup table: `table[labels]` swaps left and right; 0 stays 0."""
        table = np.arange(256, dtype=np.uint8)
        for region in self.regions:
            table[region.code] = region.mirror
        return table

    @property
    def pairs(self) -> tuple[tuple[Region, Region], ...]:
        """(right, left) of every region that has two sides."""
        by_code = {region.code: region for region in self.regions}
        return tuple((region, by_code[region.mirror]) for region in self.regions if region.side == "right")


def names() -> list[str]:
    """Names of the schemes that are shipped."""
    return sorted(path.stem for path in resource("schemes").glob("*.toml"))


@cache
def load(name: str = DEFAULT) -> Scheme:
    """Read one scheme.

    Raises:
        WorkbenchError: no scheme of that name, or one that contradicts itself.
    """
    path = resource("schemes") / f"{name}.toml"
    if not path.exists():
        raise WorkbenchError(f"There is no region scheme {name!r}.", f"Choose one of {', '.join(names())}.")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    regions = tuple(Region(**entry) for entry in content["region"])
    mirrors = {region.code: region.mirror for region in regions}
    if len(mirrors) != len(regions) or any(mirrors.get(mirrors[code]) != code for code in mirrors):
        raise WorkbenchError(f"The region scheme {name!r} has codes that repeat or mirrors that do not match.")
    return Scheme(name, content["title"], regions)


def spoken(name: str) -> str:
    """A region or a pair within a sentence: "right frontal lobe", "frontal lobe"; other names as they are."""
    for region in load(DEFAULT).regions:
        if name == region.name:
            return region.title.lower()
        if region.side == "right" and name == region.name.removeprefix("right_"):
            return region.title.removeprefix("Right ").lower()
    return name

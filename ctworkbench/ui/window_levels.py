"""Display windows for head CT: which Hounsfield units are drawn from black to white."""

from dataclasses import dataclass

_NARROWEST = 2.0
_WIDEST = 4096.0
_LOWEST = -1024.0
_HIGHEST = 3071.0


@dataclass(frozen=True)
class WindowLevel:
    """A display window.

    Attributes:
        level: its centre, in HU.
        width: distance from black to white, in HU.
    """

    level: float
    width: float

    @property
    def limits(self) -> tuple[float, float]:
        """HU drawn as black and as white."""
        return (self.level - self.width / 2, self.level + self.width / 2)

    def moved(self, level: float, width: float) -> "WindowLevel":
        """This window with its centre and width changed by so many HU, kept within what CT can hold."""
        return WindowLevel(
            min(max(self.level + level, _LOWEST), _HIGHEST), min(max(self.width + width, _NARROWEST), _WIDEST)
        )


# Level and width in common use for head CT.
PRESETS: dict[str, WindowLevel] = {
    "Brain": WindowLevel(40, 80),
    "Subdural": WindowLevel(75, 215),
    "Stroke": WindowLevel(35, 40),
    "Bone": WindowLevel(600, 2800),
}


def preset_of(window: WindowLevel) -> str | None:
    """Name of the preset that a window equals, if any."""
    return next((name for name, preset in PRESETS.items() if preset == window), None)

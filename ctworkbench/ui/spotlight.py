"""One region of the label map that stands out for a moment, so that the eye finds it."""

from napari.utils.colormaps import DirectLabelColormap
from PySide6.QtCore import QObject, QTimer

from ctworkbench.ui.annotate import AnnotateView

_MILLISECONDS = 2500
_FADED = "38"  # opacity of the other regions, hexadecimal of 255


class Spotlight(QObject):
    """Lets all regions but one fade for two and a half seconds."""

    def __init__(self, view: AnnotateView) -> None:
        super().__init__(view)
        self._view = view
        self.code: int | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_MILLISECONDS)
        self._timer.timeout.connect(self.end)

    def show(self, code: int) -> None:
        """Let a region stand out."""
        self.code = code
        colors: dict[int | None, str] = {None: "#ff00ff", 0: "transparent"}
        for region in self._view.scheme.regions:
            faded = region.color if region.code == code else f"{region.color}{_FADED}"
            colors[region.code] = "transparent" if region.code in self._view.hidden_codes else faded
        for view in self._view.views:
            view.set_colormap(DirectLabelColormap(color_dict=colors))
        self._timer.start()

    def end(self) -> None:
        """Show all regions as they are."""
        if self.code is not None:
            self._timer.stop()
            code, self.code = self.code, None
            self._view.set_region_shown(code, code not in self._view.hidden_codes)

"""How unsure the networks were, laid over the views, and jumps from spot to spot."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSettings

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.uncertainty import LEAST_SPOT, Spot, passes_text, uncertain_spots
from ctworkbench.core.workbench.lineage import doubted, machine_made
from ctworkbench.ui.uncertainty_ramp import UncertaintyLegend

if TYPE_CHECKING:
    from ctworkbench.core.workbench import AnnotationRow
    from ctworkbench.ui.review import ReviewPage

_MEMORY = "review/uncertainty"


class Uncertainty(QObject):
    """Reads the map of the version that is shown, only while it is wanted, and shows it.

    Args:
        page: the room whose views, switch and notices it serves.
        memory: whether it is shown is remembered there.
    """

    def __init__(self, page: "ReviewPage", memory: QSettings) -> None:
        super().__init__(page)
        self._page, self._memory = page, memory
        self.wanted = memory.value(_MEMORY, False, bool) is True
        self.spots: list[Spot] = []
        self._base: AnnotationRow | None = None
        self._read: int | None = None
        self._turn = 0
        self._jump = False
        self.legend = UncertaintyLegend(page.view, len(page.view.scheme.codes) + 1)
        page.display.uncertainty.clicked.connect(self.set_wanted)
        page.session.changed.connect(self.follow)

    def show_case(self) -> None:
        """A case, or another version of it, came into the views: what was shown is another's."""
        self._put_away()
        self._base, self._jump = None, False
        self.follow()

    def follow(self) -> None:
        """Bring the switch, and what is shown, to the version on the screen."""
        base, why = self._found()
        if base is None or self._base is None or base.id != self._base.id:
            self._put_away()
        self._base = base
        button = self._page.display.uncertainty
        button.setEnabled(base is not None)
        button.setChecked(self.wanted and base is not None)
        button.setProperty("tip", why or f"Where the networks were unsure: {self._made_by()}")
        self._page.keymap.label(self._page.display)
        if self.wanted and base is not None and self._read is None:
            self._begin()

    def set_wanted(self, wanted: bool) -> None:
        """Show the map, of this case and the next ones, or put it away."""
        self.wanted = wanted
        self._memory.setValue(_MEMORY, wanted)
        if not wanted:
            self._put_away()
        self.follow()

    def toggle(self) -> None:
        """Show the map, or put it away; where there is none, say why."""
        _, why = self._found()
        if why:
            self._page.tell(why)
        else:
            self.set_wanted(not self.wanted)

    def go_to_next(self) -> None:
        """Go to the least sure spot, then to the next one; the map is shown from then on."""
        _, why = self._found()
        if why:
            self._page.tell(why)
        elif not self._page.view.doubt_shown:
            self._jump = True
            self.set_wanted(True)
        elif not self.spots:
            self._page.tell(f"The networks were nowhere unsure by more than {LEAST_SPOT:.0f} % over 9 mm")
        else:
            spot = self.spots[self._turn % len(self.spots)]
            view, image = self._page.view, self._page.view.image
            if image is not None:
                x, y, z = spot.voxel
                size_x, size_y, _ = image.voxels.shape
                view.go_to((z, size_y - 1 - y, size_x - 1 - x))
            place = self._turn % len(self.spots) + 1
            self._turn += 1
            self._page.tell(f"Uncertain spot {place} of {len(self.spots)}: {spot.percent:.0f} % around it")

    def _found(self) -> "tuple[AnnotationRow | None, str]":
        """The network's label map whose uncertainty can be shown, or why there is none."""
        session = self._page.session
        shown = session.shown
        if session.case is None or shown is None:
            return None, "No label map is shown"
        base = doubted(session.versions, shown)
        if base is not None:
            return base, ""
        made = machine_made({row.id: row for row in session.versions}, shown)
        if made is not None and made.model_id is not None:
            return None, "The program that made this label map kept no uncertainty: segment again with other models"
        return None, "Only label maps of a network have an uncertainty"

    def _made_by(self) -> str:
        told = {} if self._base is None else self._base.parameters
        return passes_text(int(told.get("networks", 1)), int(told.get("passes", 1)))

    def _begin(self) -> None:
        page, base = self._page, self._base
        case = page.session.case
        if base is None or case is None:
            return
        self._read = base.id

        def read() -> tuple[NDArray[np.uint8], list[Spot]]:
            found = page.workbench.review.uncertainty(base.id)
            if not found.grid.matches(case.image.grid):
                raise WorkbenchError(
                    f"{case.scan.subject}: the uncertainty of version {base.version} does not lie on its image's grid.",
                    "Restore the study's voxels from a backup; `ctworkbench verify` names all that is damaged.",
                )
            return np.asfortranarray(found.voxels), uncertain_spots(found)

        def show(answer: tuple[NDArray[np.uint8], list[Spot]]) -> None:
            if self._read == base.id and page.session.case is case and self.wanted and not page.disposed:
                self._show(*answer)

        def failed(error: Exception) -> None:
            self._put_away()
            self._read, self._jump = base.id, False  # told once, and not tried again until it is asked for
            page.bridge.report(error)

        page.bridge.run(read, show, failed, key="review uncertainty")

    def _show(self, percent: NDArray[np.uint8], spots: list[Spot]) -> None:
        page, self.spots, self._turn = self._page, spots, 0
        page.view.show_doubt(percent)
        if self._base is not None:
            networks = int(self._base.parameters.get("networks", 1))
            self.legend.tell(f"v{self._base.version}: {passes_text(networks, networks)}")
        if self._jump:
            self._jump = False
            self.go_to_next()

    def _put_away(self) -> None:
        self._read = None
        self.spots = []
        self._page.view.hide_doubt()
        self.legend.hide()

"""What a reader looks at a case with besides the views: sheet of slices, pair of versions, jumps, linked zoom, menu."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSettings

from ctworkbench.core.label_changes import changed_in_slices, next_changed
from ctworkbench.ui.case import Case, read_labels
from ctworkbench.ui.compare_desk import CompareDesk
from ctworkbench.ui.exchange import Exchange
from ctworkbench.ui.keys_dialog import KeysDialog
from ctworkbench.ui.lightbox import Lightbox
from ctworkbench.ui.linked_zoom import LinkedZoom
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.template_choice import use_as_template
from ctworkbench.ui.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ctworkbench.ui.review import ReviewPage
    from ctworkbench.ui.surface_view import SurfaceView


class ReadingAids(QObject):
    """The aids of one review room.

    Args:
        page: the room.
        memory: what the reader has set is remembered there.
    """

    def __init__(self, page: "ReviewPage", memory: QSettings) -> None:
        super().__init__(page)
        self._page = page
        self._view = page.view
        self._parent: tuple[int, NDArray[np.uint8]] | None = None
        self.surface: SurfaceView | None = None
        self.lightbox = Lightbox(page.view, memory)
        self.desk = CompareDesk(page.view, page.workbench, page.bridge)
        self.zoom = LinkedZoom(page.view)
        self.exchange = Exchange(page, memory)
        self.uncertainty = Uncertainty(page, memory)
        self._fill_menu()
        self.lightbox.chosen.connect(page.view.go_to)
        self.desk.failed.connect(page.bridge.report)
        self.desk.hovered.connect(page.readout.setText)
        for sheet in (self.lightbox, self.desk):
            sheet.closed.connect(page.setFocus)
        page.header.lightbox_asked.connect(self.toggle_lightbox)
        page.header.desk_asked.connect(self.toggle_desk)
        page.display.solo.clicked.connect(self.solo)
        page.display.linked.clicked.connect(self.zoom.set_on)
        page.view.state_changed.connect(lambda: page.display.linked.setChecked(self.zoom.on))

    # What the room tells

    def show_case(self, case: Case) -> None:
        """A case, or another version of it, came into the views."""
        self._parent = None
        self.desk.put_away()
        self.close_surface()
        self.lightbox.show_case(case.frame)
        self.uncertainty.show_case()
        self._page.header.show_tilt(tilt_of(case.image.affine))

    def put_away(self) -> bool:
        """Put away what lies over the views; whether anything did."""
        there = not (self.lightbox.isHidden() and self.desk.isHidden())
        self.lightbox.put_away()
        self.desk.put_away()
        return there

    # What keys and buttons do

    def toggle_lightbox(self) -> None:
        """Show the sheet of slices, or the views again."""
        if self._page.session.case is None:
            self._page.tell("Open a scan first")
            return
        self.desk.put_away()
        self.lightbox.toggle()

    def toggle_desk(self) -> None:
        """Lay two versions side by side: the one shown, and the one that it was drawn from or that came before it."""
        if not self.desk.isHidden():
            self.desk.put_away()
            return
        session = self._page.session
        shown, case = session.shown, session.case
        other = session.version_before
        if case is None or shown is None or other is None:
            self._page.tell("There are no two versions to compare")
            return
        self.lightbox.put_away()
        if self._view.comparing:
            self._page.compare()
        self.desk.show_versions(session.versions, other.id, shown.id, case.frame)
        if session.dirty:
            self._page.tell("Saved versions are compared; unsaved corrections are not in them")

    def step_version(self, left: bool) -> None:
        """Another version on one side of the desk, while it is open."""
        if not self.desk.isHidden():
            self.desk.step_version(left)

    def step_plane(self) -> None:
        """The next plane of the sheet or the desk that is open."""
        if not self.lightbox.isHidden():
            self.lightbox.step_plane()
        elif not self.desk.isHidden():
            self.desk.step_plane()

    def step_shown(self, steps: int) -> None:
        """From slice to slice of the sheet, or from region to region of the comparison, whichever is open."""
        if not self.lightbox.isHidden():
            self.lightbox.step(steps)
        elif not self.desk.isHidden():
            self.desk.step_region(steps)

    def go_to_change(self, forward: bool) -> None:
        """Go to the next slice of the active view in which the label map differs from the one it was drawn from.

        On the desk the two versions that lie there are meant, and the plane that is shown there.
        """
        page, view = self._page, self._view
        if not self.desk.isHidden():
            axis, name = self.desk.plane.axis, self.desk.plane.name
            self._go_to_change(self.desk.changed_slices(), axis, name, "between the two versions", forward)
            return
        session, axis, name = page.session, view.active.plane.axis, view.active.plane.name
        case, shown = session.case, session.shown
        if case is None or shown is None:
            page.tell("There is no version to compare with")
            return
        parent = shown if session.dirty else next((row for row in session.versions if row.id == shown.parent_id), None)
        if parent is None:
            page.tell(f"v{shown.version} was not drawn from another version")
            return
        what = f"from v{parent.version}{', as it was saved' if session.dirty else ''}"
        known = self._parent
        now = for_display(view.labels)

        def read() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
            held = known[1] if known is not None and known[0] == parent.id else read_labels(page.workbench, parent.id)
            return held, changed_in_slices(for_display(held), now, axis)

        def show(answer: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
            if session.case is case:
                self._parent = (parent.id, answer[0])
                self._go_to_change(answer[1], axis, name, what, forward)

        page.bridge.run(read, show, page.bridge.report, key="review change")

    def solo(self) -> None:
        """Show the selected region alone, or all of them again."""
        view = self._view
        alone = frozenset(view.scheme.codes) - {view.selected}
        view.show_only(None if view.hidden_codes == alone else view.selected)

    def go_to_region(self, number: int) -> None:
        """Select a region by its place in the list and go there."""
        regions = self._view.scheme.regions
        if number < len(regions):
            region = regions[number]
            self._view.select_region(region.code)
            if not self._view.jump_to(region.code):
                self._page.tell(f"{region.title}: not in this label map")
            elif region.code in self._view.hidden_codes:
                self._page.tell(f"{region.title} is hidden")

    def show_surface(self) -> None:
        """Show the regions as bodies in a window of their own; another one takes the place of the last."""
        from ctworkbench.ui.surface_view import open_surface

        session = self._page.session
        if session.case is None:
            self._page.tell("Open a scan first")
            return
        self.close_surface()
        version = f" v{session.shown.version}" if session.shown else ""
        title = f"{session.case.scan.subject}{version}{', with unsaved corrections' if session.dirty else ''}"
        self.surface = open_surface(self._view, self._page.bridge, self._page, title)

    def close_surface(self) -> None:
        """Put the window of the bodies away."""
        surface, self.surface = self.surface, None
        if surface is not None and surface.isVisible():
            surface.reject()

    def change_keys(self) -> None:
        """Open the dialog of keys."""
        KeysDialog(self._page.keymap, self._page).exec()

    def _fill_menu(self) -> None:
        menu, exchange = self._page.header.menu, self.exchange
        menu.addAction("Save a copy for ITK-SNAP (NIfTI)…", lambda: exchange.save_copy("nifti"))
        menu.addAction("Save a copy for 3D Slicer (.seg.nrrd)…", lambda: exchange.save_copy("nrrd"))
        menu.addAction("Take a label map back…", exchange.take_back)
        menu.addSeparator()
        menu.addAction("Use as template…", lambda: use_as_template(self._page))
        menu.addSeparator()
        menu.addAction("Surface in 3D…", self.show_surface)
        menu.addAction("Keys…", self.change_keys)

    def _go_to_change(self, changed: NDArray[np.int64], axis: int, name: str, what: str, forward: bool) -> None:
        page, view, image = self._page, self._view, self._view.image
        here = view.index[axis]
        place = next_changed(changed, here, forward)
        if place is None or image is None:
            page.tell(f"Nothing differs {what}")
            return
        wrapped = place <= here if forward else place >= here
        index = list(view.index)
        index[axis] = place
        view.go_to((index[0], index[1], index[2]))
        spacing = image.spacing[::-1]
        area = float(changed[place]) * image.grid.voxel_volume_mm3 / spacing[axis] / 100
        again = " · from the other end" if wrapped and place != here else " · the only one" if place == here else ""
        page.tell(f"{name} slice {place + 1}: {area:.2f} cm² differ {what}{again}")


def tilt_of(affine: NDArray[np.float64]) -> float:
    """Degrees by which the axes of a grid are turned away from the patient's own, at most."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.clip(np.abs(directions).max(axis=0), -1, 1))).max())

"""What the checks found of the open case: a chip each; a click goes to the place.

The row is always there, so that nothing moves between a case with findings and one without.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from ctworkbench.core.findings import Finding, Severity
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.risk_marks import GLYPHS, line_of

if TYPE_CHECKING:
    from ctworkbench.core.workbench.checking import CheckedMap
    from ctworkbench.ui.review import ReviewPage

_HEIGHT = 30


class CheckChips(QFrame):
    """A row of chips, one for each check that tells of something, gravest first.

    Signals:
        asked: the reader wants to see a `Finding`.
    """

    asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("checkChips")
        self.setFixedHeight(_HEIGHT)
        # many chips must not make the room wider: what finds no place goes into the menu
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.chips: list[QToolButton] = []
        self._findings: list[tuple[str, list[Finding]]] = []
        self._turns: dict[str, int] = {}
        self._titles: Mapping[str, str] = {}
        self.said = QLabel()
        self.said.setProperty("role", "muted")
        self.more = QToolButton()
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.more)
        self.more.setMenu(self._menu)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 2, 8, 2)
        self._row.setSpacing(6)
        self._row.addWidget(self.said)
        self._row.addWidget(self.more)
        self._row.addStretch()
        self.more.hide()

    def show_checked(self, row: "CheckedMap | None", titles: Mapping[str, str]) -> None:
        """Show what was found of the version on the screen; None where there is no label map, or it is not read yet."""
        self._titles, self._turns = titles, {}
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.deleteLater()
        by_check: dict[str, list[Finding]] = {}
        for finding in () if row is None else row.told:
            by_check.setdefault(finding.check, []).append(finding)
        self._findings = list(by_check.items())
        self.chips = [self._chip(name, found) for name, found in self._findings]
        for place, chip in enumerate(self.chips):
            self._row.insertWidget(1 + place, chip)
        if row is None:
            self.said.setText("")
        elif not row.checked:
            self.said.setText("○ Checks: not done yet")
        else:
            self.said.setText("Checks" if self.chips else "✓ The checks found nothing to look at")
        self.said.setToolTip("Checks tell where to look; they are no verdict" if row is not None else "")
        self._fit()

    def ask_next(self) -> bool:
        """Go to the next finding of all, gravest first; whether there is one."""
        every = [finding for _, found in self._findings for finding in found]
        if not every:
            return False
        turn = self._turns.get("", 0)
        self._turns[""] = turn + 1
        self.asked.emit(every[turn % len(every)])
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Chips that find no room go into the menu at the end."""
        super().resizeEvent(event)
        self._fit()

    def _chip(self, name: str, found: list[Finding]) -> QToolButton:
        """A chip for one check; each click goes to its next finding."""
        worst = found[0]
        title = self._titles.get(name, name)
        chip = QToolButton()
        chip.setObjectName("checkChip")
        chip.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        chip.setProperty("severity", str(worst.severity).replace(" ", "_"))
        chip.setText(f"{GLYPHS[worst.severity]} {title}{f'  {len(found)}' if len(found) > 1 else ''}")
        lines = [line_of(one, self._titles) for one in found]
        chip.setToolTip("\n".join([*lines, "Click to go there  (J goes through all)"]))
        chip.setAccessibleName(f"{title}: {worst.sentence}")
        chip.clicked.connect(lambda: self._clicked(name, found))
        return chip

    def _clicked(self, name: str, found: list[Finding]) -> None:
        turn = self._turns.get(name, 0)
        self._turns[name] = turn + 1
        self.asked.emit(found[turn % len(found)])

    def _fit(self) -> None:
        """Show as many chips as there is room for."""
        room = self.width() - 30 - self.said.sizeHint().width()
        left: list[tuple[str, list[Finding]]] = []
        for chip, entry in zip(self.chips, self._findings, strict=True):
            wide = chip.sizeHint().width() + 6
            reserve = 0 if chip is self.chips[-1] else 52
            fits = not left and room - wide >= reserve
            chip.setVisible(fits)
            room -= wide if fits else 0
            if not fits:
                left.append(entry)
        self.more.setVisible(bool(left))
        self.more.setText(f"+{len(left)}")
        self._menu.clear()
        for name, found in left:
            self._menu.addAction(line_of(found[0], self._titles), lambda n=name, f=found: self._clicked(n, f))


class CheckDesk(QObject):
    """Reads what the checks found, shows it in the list and on the open case, and goes to what was found.

    Args:
        page: the room whose list, chips and views it serves.
        bridge: runs the reading aside.
    """

    def __init__(self, page: "ReviewPage", bridge: Bridge) -> None:
        super().__init__(page)
        self._page, self._bridge = page, bridge
        self._checks = page.workbench.checks
        self._titles: dict[str, str] = {}
        self._of_scan: tuple[int, dict[int, CheckedMap]] = (0, {})
        self._shown: tuple[int, int | None] | None = None
        page.chips.asked.connect(self.show_finding)

    def refresh(self) -> None:
        """Read the findings of all scans, and of the open one, again."""
        self._bridge.run(
            lambda: (self._checks.worklist(brief=True), self._checks.titles()), self._take_all, key="review checks"
        )
        if self._shown is not None:
            self._read(self._shown[0])

    def follow(self, scan_id: int | None, annotation_id: int | None) -> None:
        """Show the findings of the version that is on the screen."""
        shown = None if scan_id is None else (scan_id, annotation_id)
        if shown == self._shown:
            return
        self._shown = shown
        if scan_id is not None and self._of_scan[0] != scan_id:
            self._of_scan = (scan_id, {})
            self._read(scan_id)
        elif scan_id is not None and annotation_id not in self._of_scan[1] and annotation_id is not None:
            self._read(scan_id)
        self._show()

    def show_next(self) -> None:
        """Go to the next finding of the open case."""
        if not self._page.chips.ask_next():
            self._page.tell("The checks found nothing to look at")

    def show_finding(self, finding: Finding) -> None:
        """Move the crosshair to what was found, and let its region stand out."""
        page, view = self._page, self._page.view
        case = page.session.case
        if case is None:
            return
        if finding.region in view.scheme.region_names:
            page.regions.highlight(view.scheme.region(finding.region).code)
        if finding.where is not None:
            x, y, z = np.rint(np.linalg.inv(case.image.affine) @ np.array([*finding.where, 1.0]))[:3].astype(int)
            size_x, size_y, _ = case.image.voxels.shape
            view.go_to((int(z), int(size_y - 1 - y), int(size_x - 1 - x)))
        page.tell(finding.sentence if finding.severity is not Severity.NOT_DONE else f"Not checked: {finding.sentence}")

    def _read(self, scan_id: int) -> None:
        self._bridge.run(
            lambda: (self._checks.of_scan(scan_id), self._checks.titles()),
            lambda answer: self._take_one(scan_id, *answer),
            key="review checks of scan",
        )

    def _take_all(self, answer: "tuple[list[CheckedMap], dict[str, str]]") -> None:
        rows, self._titles = answer
        self._page.worklist.show_checked({row.scan_id: row for row in rows}, self._titles)

    def _take_one(self, scan_id: int, rows: "list[CheckedMap]", titles: dict[str, str]) -> None:
        self._titles = titles
        if self._shown is not None and self._shown[0] == scan_id:
            self._of_scan = (scan_id, {row.annotation_id: row for row in rows})
            self._show()

    def _show(self) -> None:
        annotation = None if self._shown is None else self._shown[1]
        row = None if annotation is None else self._of_scan[1].get(annotation)
        self._page.chips.show_checked(row, self._titles)

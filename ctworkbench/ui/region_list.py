"""The regions of the scheme: colour, name, volume; click to select one for painting and to go there."""

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.spotlight import Spotlight
from ctworkbench.ui.swatch import swatch

_REFRESH_MILLISECONDS = 120
_NAME, _VOLUME = 0, 1


class RegionList(QWidget):
    """A row per region; the tick shows or hides it."""

    def __init__(self, view: AnnotateView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("regions")
        self._view = view
        self.spotlight = Spotlight(view)
        heading = QLabel("Regions")
        heading.setProperty("role", "heading")
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Region", "cm³"])
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The keys of the room must not end in the list's own search.
        self.tree.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_VOLUME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionsClickable(False)
        self._items: dict[int, QTreeWidgetItem] = {}
        for region in view.scheme.regions:
            item = QTreeWidgetItem([region.title.removesuffix(" lobe"), "–"])
            item.setData(_NAME, Qt.ItemDataRole.UserRole, region.code)
            item.setCheckState(_NAME, Qt.CheckState.Checked)
            item.setIcon(_NAME, swatch(region.color))
            item.setTextAlignment(_VOLUME, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(_NAME, f"{region.title}: click to paint it and go there; untick to hide it")
            self.tree.addTopLevelItem(item)
            self._items[region.code] = item
        self.total = QLabel()
        self.total.setProperty("role", "muted")
        self.total.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(5)
        layout.addWidget(heading)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.total)
        self.tree.itemClicked.connect(self._clicked)
        self.tree.itemChanged.connect(self._ticked)
        view.state_changed.connect(self._select)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REFRESH_MILLISECONDS)
        self._timer.timeout.connect(self.refresh)
        view.edited.connect(self._soon)
        self._select()

    def refresh(self) -> None:
        """Show the volumes as they stand."""
        volumes = self._view.volumes_cm3()
        with QSignalBlocker(self.tree):
            for code, volume in volumes.items():
                self._items[code].setText(_VOLUME, f"{volume:.1f}")
        self.total.setText(f"All regions  {sum(volumes.values()):.1f} cm³")

    def highlight(self, code: int) -> bool:
        """Select a region, go there, and let it stand out for a moment; whether the label map has it."""
        self._items[code].setCheckState(_NAME, Qt.CheckState.Checked)
        self._view.select_region(code)
        there = self._view.jump_to(code)
        if there:
            self.spotlight.show(code)
        return there

    def clear(self) -> None:
        """Show no volumes."""
        with QSignalBlocker(self.tree):
            for item in self._items.values():
                item.setText(_VOLUME, "–")
        self.total.clear()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _clicked(self, item: QTreeWidgetItem, _column: int) -> None:
        code = int(item.data(_NAME, Qt.ItemDataRole.UserRole))
        if code in self._view.hidden_codes:
            return
        self._view.select_region(code)
        self._view.jump_to(code)

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        if column == _NAME:
            code = int(item.data(_NAME, Qt.ItemDataRole.UserRole))
            self._view.set_region_shown(code, item.checkState(_NAME) == Qt.CheckState.Checked)

    def _select(self) -> None:
        with QSignalBlocker(self.tree):
            self.tree.setCurrentItem(self._items[self._view.selected])
            for code, item in self._items.items():
                hidden = code in self._view.hidden_codes
                item.setCheckState(_NAME, Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)

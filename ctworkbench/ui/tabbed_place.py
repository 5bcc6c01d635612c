"""A place of several pages under a slim tab bar; the last tab is remembered."""

from collections.abc import Sequence

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget


class TabbedPlace(QWidget):
    """One page at a time; Ctrl+Tab and Ctrl+Shift+Tab turn them.

    Args:
        name: of the place; the tab bar is called so, and its last tab remembered under it.
        memory: where the last tab is remembered.
        parent: the widget it lies in.
    """

    page_turned = Signal()

    def __init__(self, name: str, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory, self._key = memory, f"{name}_tab"
        self._names: list[str] = []
        self.tabs = QTabBar()
        self.tabs.setObjectName(f"{name}_tabs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.stack = QStackedWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.stack, 1)
        for keys, step in (("Ctrl+Tab", 1), ("Ctrl+Shift+Tab", -1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(lambda step=step: self._step(step))

    def add_pages(self, pages: Sequence[tuple[str, str, QWidget]]) -> None:
        """Add all pages, name, title and widget, and turn to the one that was shown last."""
        for name, title, page in pages:
            self._names.append(name)
            self.tabs.addTab(title)
            self.stack.addWidget(page)
        self.tabs.setAccessibleName(", ".join(title for _, title, _ in pages).capitalize())
        self.show_page(str(self._memory.value(self._key, self._names[0])))
        self.stack.setCurrentIndex(self.tabs.currentIndex())
        self.tabs.currentChanged.connect(self._turn_to)

    @property
    def names(self) -> Sequence[str]:
        """The pages in their order."""
        return self._names

    @property
    def page(self) -> str:
        """Name of the page that is shown."""
        return self._names[self.stack.currentIndex()]

    def show_page(self, name: str) -> None:
        """Turn to a page; the first one where there is none of that name."""
        self.tabs.setCurrentIndex(self._names.index(name) if name in self._names else 0)

    def _step(self, step: int) -> None:
        self.tabs.setCurrentIndex((self.tabs.currentIndex() + step) % self.tabs.count())

    def _turn_to(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._memory.setValue(self._key, self.page)
        self.page_turned.emit()

"""The study's norms: what each stands for, its curves and how it holds; fit, use, compare, import and export them."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import Norm
from ctworkbench.core.norms.comparing import Comparison, compare
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.workbench.norm_library import FIT
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.norm_card import card_html
from ctworkbench.ui.norm_fit_dialog import FitDialog
from ctworkbench.ui.norm_pictures import NormPictures
from ctworkbench.ui.norm_plots import NormCurves, read_curves

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.rows import NormRow

_FOLDER = "norms_folder"
_ORIGINS = {"published": "published", "fitted": "fitted here", "imported": "imported"}


class NormsPage(QWidget):
    """Norms on the left, the card of the chosen one in the middle, its pictures on the right."""

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._memory = workbench, bridge, memory
        self.rows: dict[str, NormRow] = {}
        self._sites: list[str] = []
        splitter = QSplitter()
        splitter.setObjectName("norms_splitter")
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._build_list())
        splitter.addWidget(self._build_card())
        self.pictures = NormPictures(memory)
        self.pictures.wanted.connect(self._read)
        splitter.addWidget(self.pictures)
        splitter.setSizes([230, 360, 640])
        splitter.setStretchFactor(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 8)
        layout.setSpacing(8)
        layout.addLayout(self._build_head())
        layout.addWidget(splitter, 1)
        bridge.changed.connect(self._on_changed)
        bridge.jobs_changed.connect(self._show_fits)
        shortcut = QShortcut(QKeySequence("Ctrl+E"), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: self.ask_export("json"))

    # -- building --------------------------------------------------------------------------------------------------

    def _build_head(self) -> QHBoxLayout:
        title = QLabel("Norms")
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setObjectName("norms_summary")
        self.summary.setProperty("role", "muted")
        self.use_button = self._button("Use this norm", "use_norm", "Charts, children and reports are held against it")
        self.use_button.clicked.connect(self.use)
        fit = self._button("Fit…", "fit_norm", "Make a norm from this study's own children")
        fit.setProperty("role", "primary")
        fit.clicked.connect(self.ask_fit)
        take = self._button("Import…", "import_norm", "Take a norm from a file of another study (.json)")
        take.clicked.connect(self.ask_import)
        self.export_button = QToolButton()
        self.export_button.setText("Export ▾")
        self.export_button.setObjectName("export_norm")
        self.export_button.setToolTip("Write the norm, its card, or what is shown of it (Ctrl+E: the norm)")
        self.export_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.export_button)
        self.export_actions = {
            kind: menu.addAction(text, lambda kind=kind: self.ask_export(kind))
            for kind, text in (
                ("json", "Norm for another study (JSON)…"),
                ("pdf", "Card with curves (PDF)…"),
                ("md", "Card (Markdown)…"),
                ("csv", "Curves shown, or the comparison (CSV)…"),
                ("png", "Picture of what is shown (PNG)…"),
            )
        }
        self.export_button.setMenu(menu)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(10)
        head.addWidget(self.summary, 1)
        for widget in (fit, take, self.export_button, self.use_button):
            head.addWidget(widget)
        return head

    @staticmethod
    def _button(text: str, name: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        return button

    def _build_list(self) -> QWidget:
        panel = QWidget()
        panel.setMinimumWidth(190)
        self.norms = QListWidget()
        self.norms.setObjectName("norms")
        self.norms.setAccessibleName("Norms")
        self.norms.setWordWrap(True)
        self.norms.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.norms.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.norms.setSpacing(2)
        self.norms.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.norms.currentItemChanged.connect(lambda *_: self._read())
        self.norms.itemActivated.connect(lambda _: self.use())
        self.fits = QFrame()
        self.fits.setProperty("role", "card")
        self.fit_text = QLabel()
        self.fit_text.setObjectName("fit_progress_text")
        self.fit_text.setWordWrap(True)
        self.fit_bar = QProgressBar()
        self.fit_bar.setObjectName("fit_progress")
        self.fit_bar.setRange(0, 100)
        self.cancel_button = self._button("Cancel", "cancel_fit", "Stop the fit; nothing of it is kept")
        self.cancel_button.clicked.connect(self._cancel)
        inner = QVBoxLayout(self.fits)
        for widget in (self.fit_text, self.fit_bar, self.cancel_button):
            inner.addWidget(widget)
        self.fits.hide()
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.addWidget(self.norms, 1)
        layout.addWidget(self.fits)
        return panel

    def _build_card(self) -> QWidget:
        self.card = QTextBrowser()
        self.card.setObjectName("norm_card")
        self.card.setAccessibleName("Card of the norm")
        self.card.setMinimumWidth(240)
        return self.card

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """Name of the norm that is looked at; "" before there is one."""
        item = self.norms.currentItem()
        return "" if item is None else item.data(Qt.ItemDataRole.UserRole)

    def choose(self, name: str) -> None:
        """Look at a norm."""
        for row in range(self.norms.count()):
            if self.norms.item(row).data(Qt.ItemDataRole.UserRole) == name:
                self.norms.setCurrentRow(row)

    def refresh(self) -> None:
        """Read the study's norms again."""
        workbench = self._workbench

        def read() -> "tuple[list[NormRow], list[str]]":
            return workbench.norms.library(), sorted({row.site for row in workbench.cohort.scans()})

        self._bridge.run(read, self._list, key="norms")

    def _list(self, answer: "tuple[list[NormRow], list[str]]") -> None:
        rows, self._sites = answer
        before = self.chosen
        self.rows = {row.name: row for row in rows}
        used = next(row for row in rows if row.used)
        self.summary.setText(f"In use: {used.name} – {used.title}")
        self.pictures.offer(list(self.rows))
        self.norms.blockSignals(True)
        self.norms.clear()
        for row in rows:
            origin = f"{_ORIGINS[row.origin]}, {row.n_male + row.n_female:,} children"
            item = QListWidgetItem(f"{row.name}{'  ●  in use' if row.used else ''}\n{row.title}\n{origin}")
            item.setData(Qt.ItemDataRole.UserRole, row.name)
            item.setToolTip(f"{row.title}: {row.n_male} boys and {row.n_female} girls of {row.ages}. {row.method}")
            self.norms.addItem(item)
        self.choose(before if before in self.rows else used.name)
        self.norms.blockSignals(False)
        self._read()
        self._show_fits()

    def _read(self) -> None:
        name, region = self.chosen, self.pictures.region.currentData()
        beside = self.pictures.beside.currentData() or ""
        if not name:
            return
        norms = self._workbench.norms

        def read() -> "tuple[Norm, NormCurves | None, Comparison | str]":
            norm = norms.norm(name)
            other = norms.norm(beside) if beside and beside != name else None
            shown = read_curves(norm, region, other) if region in norm.regions else None
            compared: Comparison | str = "Choose another norm to compare this one with."
            if other is not None:
                try:
                    compared = compare(norm, other)
                except WorkbenchError as error:
                    compared = f"{error.message} {error.remedy}"
            return norm, shown, compared

        self._bridge.run(read, self._show, key="norm shown")

    def _show(self, answer: "tuple[Norm, NormCurves | None, Comparison | str]") -> None:
        norm, shown, compared = answer
        row = self.rows[norm.name]
        self.card.setHtml(card_html(norm))
        self.use_button.setEnabled(not row.used)
        self.use_button.setText("In use" if row.used else "Use this norm")
        self.export_actions["json"].setEnabled(isinstance(norm, FittedNorm))
        self.pictures.show_norm(norm.name, shown, compared)

    # -- acting ----------------------------------------------------------------------------------------------------

    def use(self) -> None:
        """Use the norm that is looked at."""
        name, norms = self.chosen, self._workbench.norms
        if name and not self.rows[name].used:
            self._bridge.run(
                lambda: norms.choose_norm(name), lambda _: self._bridge.notify(f"The study's norm is now {name}.")
            )

    def ask_fit(self) -> None:
        """Ask what to fit, and start it."""
        dialog = FitDialog(self._workbench, self._bridge, self._memory, self._sites, self.rows, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.fit(dialog))
        dialog.open()

    def fit(self, dialog: FitDialog) -> None:
        """Start the fit that a dialog asks for."""
        asked, norms = dialog.request, self._workbench.norms
        self._bridge.start_jobs(
            lambda: norms.fit_norm(
                asked.name, asked.method, asked.source, asked.selection, asked.title, asked.population, asked.centre
            ),
            "Fit a norm",
        )

    def ask_import(self) -> None:
        """Ask for a file and take the norm in it."""
        path, _ = QFileDialog.getOpenFileName(self, "Import a norm", self._folder, "Norms (*.json);;All files (*)")
        if path:
            self.take(Path(path))

    def take(self, path: Path) -> None:
        """Import a norm from a file."""
        self._memory.setValue(_FOLDER, str(path.parent))
        norms = self._workbench.norms
        self._bridge.run(
            lambda: norms.import_norm(path),
            lambda row: self._bridge.notify(f"Imported the norm {row.name}: {row.title}."),
            message="Importing a norm…",
        )

    def ask_export(self, kind: str) -> None:
        """Ask for a file and write the norm, its card or what is shown."""
        if not self.chosen or (kind == "json" and not self.export_actions["json"].isEnabled()):
            return
        what = {"json": ".norm", "csv": f"-{self.pictures.what}", "png": f"-{self.pictures.what}"}.get(kind, "")
        name = f"{self.chosen}{what}.{kind}"
        path, _ = QFileDialog.getSaveFileName(
            self, "Export", str(Path(self._folder) / name), f"{kind.upper()} (*.{kind})"
        )
        if path:
            self.export(Path(path if Path(path).suffix else f"{path}.{kind}"))

    def export(self, path: Path) -> None:
        """Write what the file's ending says."""
        self._memory.setValue(_FOLDER, str(path.parent))
        name, norms = self.chosen, self._workbench.norms
        if path.suffix.lower() not in (".png", ".csv"):
            self._bridge.run(
                lambda: norms.export_norm(name, path),
                lambda written: self._bridge.notify(f"Written: {written}"),
                message="Exporting…",
            )
            return
        try:
            self.pictures.write(path)
        except OSError as error:
            reason = error.strerror or str(error)
            self._bridge.report(WorkbenchError(f"{path} cannot be written: {reason}.", "Choose another folder."))
        else:
            self._bridge.notify(f"Written: {path}")

    @property
    def _folder(self) -> str:
        return str(self._memory.value(_FOLDER, str(Path.home())))

    # -- fits under way --------------------------------------------------------------------------------------------

    def _show_fits(self) -> None:
        live = [view for view in self._bridge.live if view.job.kind == FIT]
        self.fits.setVisible(bool(live))
        if live:
            self.fit_text.setText(f"{live[0].job.title}\n{live[0].message}")
            self.fit_bar.setValue(round(100 * (live[0].fraction or 0.0)))

    def _cancel(self) -> None:
        self._bridge.cancel(*(view.job.id for view in self._bridge.live if view.job.kind == FIT))
        self._bridge.notify("The fit is stopped; nothing of it is kept.")

    def _on_changed(self, changes: "Changes") -> None:
        if (changes.norms or changes.scans) and self.isVisible():
            self.refresh()

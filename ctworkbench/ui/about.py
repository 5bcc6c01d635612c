"""Help: the keys, and who made what under which licence."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTabWidget, QTextBrowser, QVBoxLayout, QWidget

from ctworkbench import __version__
from ctworkbench.core.settings import resource

_CITATION = (
    "The method and the norm follow: Xi et al., Front. Neurol. 2025; 16:1573060 "
    "(<a href='https://doi.org/10.3389/fneur.2025.1573060'>doi:10.3389/fneur.2025.1573060</a>). "
    "Cite it together with CT Workbench when you publish volumes made with it."
)
_KEYS = (
    (
        "Everywhere",
        (
            ("Ctrl+1 … Ctrl+5", "Cohort, Review, Train, Charts, Jobs"),
            ("Ctrl+I", "Import"),
            ("Ctrl+E", "Export"),
            ("Ctrl+N, Ctrl+O", "New study, open study"),
            ("Ctrl+B", "Narrow or wide rail"),
            ("F1", "These keys; in Review, those of the room"),
            ("Ctrl+Q", "Quit"),
        ),
    ),
    (
        "Cohort",
        (
            ("Enter, double click", "Open the scan in Review"),
            ("Ctrl+A, Shift, Ctrl", "Select scans: the tools work on them alone"),
            ("Ctrl+C", "Copy rows"),
        ),
    ),
    (
        "Charts",
        (
            ("Click, Enter", "Open the scan of a dot, at the region of the chart"),
            ("← →, Home, End", "From dot to dot, in the order of age"),
            ("↑ ↓", "Another region; of ten small charts, another chart"),
            ("Shift+drag, Lasso", "Select the dots in a loop; with Ctrl, add them"),
            ("Ctrl+click, Space", "Take a dot into the selection, or out of it; Esc selects nothing"),
            ("Wheel, drag", "Zoom and move; “Reset view” undoes it"),
            ("Ctrl+Tab", "Charts, Tables, Norms, Methods"),
        ),
    ),
)


def keys_html(review: str = "") -> str:
    """The keys of the window as HTML; `review` is what the viewer says of its own."""
    parts = ["<h3>Keys</h3>"]
    for place, keys in _KEYS:
        rows = "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;&nbsp;</td><td>{what}</td></tr>" for key, what in keys)
        parts.append(f"<h4>{place}</h4><table>{rows}</table>")
    return "".join(parts) + (
        review or "<h4>Review</h4><p>The keys of the viewer stand beside its tools and in their tooltips.</p>"
    )


def notices() -> list[tuple[str, str]]:
    """Licences and notices that were shipped with the program: (name, text)."""
    found: list[tuple[str, str]] = []
    root = resource("style.qss").parent
    beside = [root.parent / name for name in ("LICENSE", "NOTICE")]
    shipped = sorted(path for pattern in ("LICEN*", "NOTICE*") for path in root.rglob(pattern))
    for path in [path for path in beside if path.exists()] + shipped:
        name = path.name if path in beside else str(path.relative_to(root))
        found.append((name, path.read_text(encoding="utf-8", errors="replace")))
    return found


def _browser(html: str) -> QTextBrowser:
    browser = QTextBrowser()
    browser.setOpenExternalLinks(True)
    browser.setHtml(f"<style>a {{ color: #6cb8ec; }}</style>{html}")
    return browser


class KeysDialog(QDialog):
    """The keys of the window."""

    def __init__(self, review: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.resize(560, 620)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(_browser(keys_html(review)))
        layout.addWidget(box)


class AboutDialog(QDialog):
    """Version, purpose, citation, licences and notices."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About CT Workbench")
        self.resize(720, 560)
        title = QLabel(f"CT Workbench {__version__}")
        title.setProperty("role", "title")
        research = QLabel("Research use only – not for diagnosis")
        research.setProperty("role", "research")
        citation = QLabel(f"<style>a {{ color: #6cb8ec; }}</style>{_CITATION}")
        citation.setWordWrap(True)
        citation.setOpenExternalLinks(True)
        citation.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        tabs = QTabWidget()
        tabs.setUsesScrollButtons(True)
        for name, text in notices():
            browser = QTextBrowser()
            browser.setPlainText(text)
            tabs.addTab(browser, str(Path(name)))
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (title, research, citation):
            layout.addWidget(widget)
        layout.addWidget(tabs, 1)
        layout.addWidget(box)

"""Starts the window."""

import gc
import logging
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QSettings, QStandardPaths, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from ctworkbench.core.settings import Settings, resource
from ctworkbench.ui.bridge import Notice
from ctworkbench.ui.garbage import GarbageCollector
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.notices import show_error

log = logging.getLogger(__name__)

_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def run(folder: Path | None, settings: Settings) -> int:
    """Show the window until it is closed.

    Args:
        folder: a study to open at once; None shows the start page.
        settings: of the program.

    Returns:
        The exit code of the process.
    """
    app = application()
    log_file = start_log()
    window = MainWindow(settings, memory(), log_file)
    install_hooks(window)
    window.show()
    if folder is not None:
        window.open_study(folder)
    gc.freeze()  # what is there now stays: the search for garbage need not visit it again and again
    code = app.exec()
    qInstallMessageHandler(None)
    return code


def application() -> QApplication:
    """The Qt application in the program's dress; the one that exists already, if there is one."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("CT Workbench")
    app.setApplicationDisplayName("CT Workbench")
    app.setOrganizationName("ctworkbench")
    if app.findChild(GarbageCollector) is None:
        GarbageCollector(app)
    dress(app)
    return app


def dress(app: QApplication) -> None:
    """Apply the dark theme, for what the style sheet reaches and for what only asks the palette."""
    app.setStyle("Fusion")
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, color in (
        (roles.Window, "#20242b"),
        (roles.WindowText, "#e4e8ee"),
        (roles.Base, "#191c22"),
        (roles.AlternateBase, "#20252c"),
        (roles.Text, "#e4e8ee"),
        (roles.Button, "#333a45"),
        (roles.ButtonText, "#e9edf2"),
        (roles.BrightText, "#ffffff"),
        (roles.Highlight, "#27639b"),
        (roles.HighlightedText, "#ffffff"),
        (roles.ToolTipBase, "#2f3540"),
        (roles.ToolTipText, "#f2f4f7"),
        (roles.PlaceholderText, "#8f9aa8"),
        (roles.Link, "#6cb8ec"),
    ):
        palette.setColor(role, QColor(color))
    palette.setColor(QPalette.ColorGroup.Disabled, roles.Text, QColor("#6f7986"))
    palette.setColor(QPalette.ColorGroup.Disabled, roles.ButtonText, QColor("#6f7986"))
    app.setPalette(palette)
    icons = resource("icons").as_posix()
    app.setStyleSheet(resource("style.qss").read_text(encoding="utf-8").replace("@icons@", icons))


def memory() -> QSettings:
    """What the window remembers from one run to the next."""
    return QSettings("ctworkbench", "CT Workbench")


def start_log() -> Path:
    """Write the program's log to a file that is kept small; its path."""
    folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ctworkbench.log"
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("ctworkbench").setLevel(logging.INFO)
    return path


def install_hooks(window: MainWindow) -> Callable[[BaseException], None]:
    """Bring whatever nobody caught, in any thread, to the log and to the user; nothing is lost in silence."""

    def tell(error: BaseException) -> None:
        if window.study is not None:
            window.study.bridge.report(error)
            return
        log.error("unexpected", exc_info=(type(error), error, error.__traceback__))
        if threading.current_thread() is threading.main_thread():
            text = f"Something unexpected went wrong: {error} ({type(error).__name__})."
            show_error(window, Notice("error", text, "The details are in the program's log (Help → Show log)."))

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        tell(error.with_traceback(trace))

    def thread_hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            tell(args.exc_value)

    def qt_hook(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        log.log(_QT_LEVELS.get(kind, logging.WARNING), "Qt: %s (%s)", text, context.category)

    sys.excepthook = hook
    threading.excepthook = thread_hook
    qInstallMessageHandler(qt_hook)
    return tell

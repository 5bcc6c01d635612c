"""`ctworkbench open STUDY` in a process of its own that says when its window, the room and the first case are there.

Started by bench_review with the moment of its own start; ends as soon as the first case is on the screen.
"""

import os
import sys
import time
from typing import Any

START = float(sys.argv.pop(1))
_told: dict[str, float] = {}


def _tell(word: str) -> None:
    if word not in _told:
        _told[word] = time.time() - START
        print(f"{word} {_told[word]:.3f}", flush=True)


def _watch() -> None:
    """Look at the window every few milliseconds; press Space once the list is there."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from ctworkbench.ui.main_window import MainWindow

    window: Any = next((widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)), None)
    if window is None or window.study is None or not window.isVisible():
        return
    _tell("window")
    review = window.study.review
    if review is None or not review.worklist.rows:
        return
    _tell("review")
    if "pressed" not in _told:
        window.activateWindow()
        if window.isActiveWindow():
            _told["pressed"] = 0.0
            QTest.keyClick(review, Qt.Key.Key_Space)
    elif review.session.case is not None and not review.cover.isVisible():
        review.view.axial.canvas.repaint()
        _tell("case")
        os._exit(0)


def main() -> None:
    """Run the program's own command with a watch beside it."""
    from ctworkbench.ui.loading import load

    app: Any = load("ctworkbench.ui.app")  # as the command itself does
    made = app.application

    def watched() -> Any:
        from PySide6.QtCore import QTimer

        program = made()
        timer = QTimer(program)
        timer.setInterval(5)
        timer.timeout.connect(_watch)
        timer.start()
        return program

    app.application = watched
    from ctworkbench.cli import main as program

    program()


if __name__ == "__main__":
    main()

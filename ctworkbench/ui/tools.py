"""The one-line bar of correction tools above the views."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.edit_menu import EditMenu
from ctworkbench.ui.editing import Editing
from ctworkbench.ui.keymap import mark
from ctworkbench.ui.tool import Tool

_TOOLS = (
    (Tool.NAVIGATE, "Move", "N", "Click moves the crosshair"),
    (Tool.WINDOW, "W/L", "W", "Drag sets window and level (right drag with any tool)"),
    (Tool.BRUSH, "Brush", "B", "Paint the selected region"),
    (Tool.ERASER, "Erase", "E", "Paint background"),
    (
        Tool.LASSO,
        "Lasso",
        "K",
        "Draw around what the selected region gets: drag, or click corners and press Enter.\n"
        "Alt erases, and so does a lasso taken up from the eraser",
    ),
    (Tool.FILL, "Fill", "F", "Give the area under the mouse to the selected region"),
    (Tool.PICK, "Pick", "P", "Select the region under the mouse, then paint"),
)


class ToolBar(QFrame):
    """Tools, brush, undo and operations."""

    def __init__(self, view: AnnotateView, editing: Editing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolBar")
        self._view = view
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(6, 3, 6, 3)
        self._row.setSpacing(2)

        tools = QButtonGroup(self)
        tools.setExclusive(True)
        self.tools: dict[Tool, QToolButton] = {}
        for tool, title, key, tip in _TOOLS:
            button = self._button(title, key, tip)
            button.clicked.connect(lambda _=False, tool=tool: view.set_tool(tool))
            tools.addButton(button)
            self.tools[tool] = button
        self._gap()
        self.smaller = self._button("−", "[", "Smaller brush", checkable=False)
        self.smaller.clicked.connect(lambda: view.step_brush(-1))
        self.diameter = QLabel()
        self.diameter.setObjectName("brushSize")
        self.diameter.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.diameter.setToolTip("Diameter of brush and eraser")
        self._row.addWidget(self.diameter)
        self.larger = self._button("+", "]", "Larger brush", checkable=False)
        self.larger.clicked.connect(lambda: view.step_brush(1))
        self.ball = self._button("3D", "G", "Paint and fill in all slices (a ball), not in this slice alone")
        self.ball.clicked.connect(view.set_ball)
        self._gap()
        self.undo = self._button("↶", "Ctrl+Z", "Undo the last stroke, in whichever view", checkable=False)
        self.undo.clicked.connect(view.undo)
        self.redo = self._button("↷", "Ctrl+Shift+Z", "Redo", checkable=False)
        self.redo.clicked.connect(view.redo)
        self._gap()
        self.edit = EditMenu(view, editing)
        self._row.addWidget(self.edit)
        self._row.addStretch(1)
        view.state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the tool in hand."""
        view = self._view
        for tool, button in self.tools.items():
            button.setChecked(tool is view.tool_in_hand)
            button.setEnabled(view.editable or not (tool.edits or tool is Tool.PICK))
        for button in (self.smaller, self.larger, self.ball, self.undo, self.redo, self.edit):
            button.setEnabled(view.editable)
        self.diameter.setText(f"{view.brush_mm:.1f} mm")
        self.ball.setChecked(view.ball)

    def _button(self, title: str, key: str, tip: str, checkable: bool = True) -> QToolButton:
        button = QToolButton()
        mark(button, title, key, tip, key_on_it=len(key) == 1 and title[0].isalpha())
        button.setCheckable(checkable)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._row.addWidget(button)
        return button

    def _gap(self) -> None:
        line = QFrame()
        line.setObjectName("toolGap")
        line.setFixedWidth(1)
        self._row.addSpacing(2)
        self._row.addWidget(line)
        self._row.addSpacing(2)

"""napari's canvas where OpenGL is done by the processor: drawn aside, and handed to Qt as a picture.

Qt composes a whole window anew, through OpenGL, whenever one OpenGL widget in it is drawn. On a graphics card that
costs nothing. Without one, as on a remote desktop, it costs more than all that is drawn. Here the scene is drawn into a
buffer of its own, its pixels are copied into a picture, and the window stays an ordinary one of which only what changed
is sent to the screen: of a stroke, the part of each view that it meets.

This leans on private parts of vispy (`QtBaseCanvasBackend`, `_get_gl_func`) and on napari's `canvas_class`;
`tests/ui/test_picture_canvas.py` fails if they change.
"""

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from napari._vispy.canvas import VispyCanvas
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtOpenGL import QOpenGLFramebufferObject
from PySide6.QtWidgets import QWidget
from vispy.app import Application, use_app
from vispy.gloo.gl import gl2

# vispy chooses its Qt binding when it is first asked for an application.
use_app("pyside6")

from vispy.app.backends import _qt  # noqa: E402

# What drivers that draw on the processor call themselves: Mesa's, Chrome's, Windows' own and Apple's.
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "gdi generic", "basic render", "software renderer")
_GL_RENDERER = 0x1F01
_GL_BGRA = 0x80E1
_GL_UNSIGNED_BYTE = 0x1401
_INT, _ENUM = ctypes.c_int, ctypes.c_uint


@cache
def draws_on_the_processor() -> bool:
    """Whether OpenGL has no graphics card to draw with."""
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return False
    try:
        name = gl2._get_gl_func("glGetString", ctypes.c_char_p, (_ENUM,))(_GL_RENDERER)
    finally:
        context.doneCurrent()
    return any(word in (name or b"").decode(errors="replace").lower() for word in _SOFTWARE)


def canvas_class() -> "type[RinglessCanvas]":
    """The canvas that is fastest on this screen."""
    return PictureCanvas if draws_on_the_processor() else RinglessCanvas


class PictureWidget(_qt.QtBaseCanvasBackend, QWidget):
    """Stands where vispy's OpenGL widget would: the same events, the picture painted by Qt."""

    def _init_specific(self, p: Any, kwargs: dict[str, Any]) -> None:
        del kwargs
        p.context.shared.add_ref("qt", self)
        QWidget.__init__(self, p.parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.WheelFocus)
        gl_format = _qt._set_config(p.context.config)
        # Children of the widget, so that they end with it in the window's thread: Python may collect them in any, and a
        # context that ends elsewhere stays the current one of the window's thread.
        self._surface = QOffscreenSurface(None, self)
        self._surface.setFormat(gl_format)
        self._surface.create()
        self._gl = QOpenGLContext(self)
        self._gl.setFormat(gl_format)
        if not self._gl.create():
            raise RuntimeError("OpenGL has no context to give")
        self._gl.makeCurrent(self._surface)
        self._read = gl2._get_gl_func("glReadPixels", None, (_INT, _INT, _INT, _INT, _ENUM, _ENUM, ctypes.c_void_p))
        self._frame: QOpenGLFramebufferObject | None = None
        self._upside_down: NDArray[np.uint8] = np.zeros(4, np.uint8)
        self._pixels: NDArray[np.uint8] = np.zeros((1, 1, 4), np.uint8)
        self._picture = QImage()
        self._stale = True
        self._begun = False
        self._closed = False
        self._area: QRect | None = None
        self._part = QRect()
        self._initialized = True

    def update(self, *area: Any) -> None:
        """Draw the scene anew at the next repaint. Qt itself repaints from the picture alone."""
        self._stale = True
        super().update(*area)

    @contextmanager
    def limited(self, area: QRect) -> Generator[None]:
        """While the scene is changed in an area of the widget alone: only that is drawn anew.

        What asks vispy for a repaint within asks for this area.
        """
        scene = self._vispy_canvas
        due = scene._update_pending
        self._area = area & self.rect()
        try:
            yield
        finally:
            self._area = None
            # vispy takes one repaint at a time; a whole one must still be able to follow.
            scene._update_pending = due

    def _vispy_mouse_move(self, **kwargs: Any) -> Any:
        self._last_time = 0  # vispy leaves out moves within 10 ms of the last: a quick stroke would lose its bends
        return super()._vispy_mouse_move(**kwargs)

    def _vispy_update(self) -> None:
        if self._vispy_canvas is None:
            return
        if self._area is None or self._stale:
            self.update()
        elif not self._area.isEmpty():
            self._part = self._part | self._area
            super().update(self._area)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Put the picture on the screen, drawn anew where the scene has changed."""
        if self._stale or self._frame is None:
            self._draw()
        elif not self._part.isEmpty():
            self._draw(self._part)
        self._part = QRect()
        painter = QPainter(self)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        ratio = self.devicePixelRatioF()
        area = event.rect()
        source = QRect(
            round(area.x() * ratio), round(area.y() * ratio), round(area.width() * ratio), round(area.height() * ratio)
        )
        painter.drawImage(area, self._picture, source)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the scene its size."""
        super().resizeEvent(event)
        if self._vispy_canvas is None:
            return
        self._begin()
        wide, high = self._wanted_size()
        self._vispy_set_physical_size(wide, high)
        self._vispy_canvas.events.resize(size=(self.width(), self.height()), physical_size=(wide, high))
        self.update()

    def grabFramebuffer(self) -> QImage:
        """What is drawn, as OpenGL widgets give it."""
        self._draw()
        return self._picture.copy()

    def _wanted_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def _begin(self) -> None:
        """Let vispy look at its OpenGL, once."""
        if not self._begun:
            self._begun = True
            self._vispy_canvas.set_current()
            self._vispy_canvas.events.initialize()

    def _draw(self, part: QRect | None = None) -> None:
        """Draw the scene and read it into the picture; given a part of the widget, that part alone."""
        canvas = self._vispy_canvas
        if canvas is None or self._closed:
            return
        self._begin()
        wide, high = self._wanted_size()
        self._gl.makeCurrent(self._surface)
        if self._frame is None or (self._frame.width(), self._frame.height()) != (wide, high):
            kind = QOpenGLFramebufferObject.Attachment.CombinedDepthStencil
            self._frame = QOpenGLFramebufferObject(wide, high, kind)
            self._upside_down = np.zeros(high * wide * 4, np.uint8)
            self._pixels = np.zeros((high, wide, 4), np.uint8)
            # The colours as a screen takes them, over the same memory.
            self._picture = QImage(self._pixels.data, wide, high, 4 * wide, QImage.Format.Format_RGB32)
            part = None
        self._frame.bind()
        canvas.set_current()
        left, top, right, bottom = 0, 0, wide, high
        if part is None:
            self._stale = False
            canvas.events.draw(region=None)
        else:
            ratio = self.devicePixelRatioF()
            left, top = max(0, int(part.left() * ratio)), max(0, int(part.top() * ratio))
            right = min(wide, int((part.right() + 1) * ratio) + 1)
            bottom = min(high, int((part.bottom() + 1) * ratio) + 1)
            if left >= right or top >= bottom:
                return
            # Past napari's own work on a draw, which follows the camera: that has not moved.
            gl2.glEnable(gl2.GL_SCISSOR_TEST)
            gl2.glScissor(left, high - bottom, right - left, bottom - top)
            try:
                canvas._draw_scene()
                canvas.context.flush_commands()
            finally:
                gl2.glDisable(gl2.GL_SCISSOR_TEST)
        self._frame.bind()
        size = (bottom - top, right - left, 4)
        read = self._upside_down[: size[0] * size[1] * 4]
        self._read(left, high - bottom, size[1], size[0], _GL_BGRA, _GL_UNSIGNED_BYTE, read.ctypes.data)
        self._pixels[top:bottom, left:right] = read.reshape(size)[::-1]

    def _vispy_close(self) -> None:
        if not self._closed and self._gl.makeCurrent(self._surface):
            self._frame = None
            self._gl.doneCurrent()
        self._closed = True
        self.close()

    def _vispy_set_current(self) -> None:
        if self._vispy_canvas is not None and not self._closed:
            self._gl.makeCurrent(self._surface)

    def _vispy_swap_buffers(self) -> None:
        """Nothing is to be exchanged: the picture is read when it is drawn."""

    def _vispy_get_fb_bind_location(self) -> int:
        return self._frame.handle() if self._frame is not None else 0


class _PictureApplication(Application):
    """vispy's Qt application, whose canvases are `PictureWidget`s."""

    @property
    def backend_module(self) -> Any:
        return SimpleNamespace(**{**vars(_qt), "CanvasBackend": PictureWidget})


class RinglessCanvas(VispyCanvas):
    """napari's canvas without its ring of the brush: moving that draws the whole scene; `Marks` has one."""

    def _on_cursor(self) -> None:
        # Its ground, a black box, would stay over the image where the mouse was when a layer is added.
        self.viewer.canvas.overlays._brush_circle.box = False
        super()._on_cursor()
        self.viewer.canvas.overlays._brush_circle.visible = False


class PictureCanvas(RinglessCanvas):
    """The same over a `PictureWidget`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, app=_PictureApplication("pyside6"), **kwargs)

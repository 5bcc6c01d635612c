"""pyqtgraph in the program's dress; what plots takes it from here, and so loads it only when a plot is wanted."""

import pyqtgraph as pg

pg.setConfigOptions(antialias=True, background="#1b1f25", foreground="#c3ccd8")

__all__ = ["pg"]

"""Modules that bring many others: loaded without a search for garbage among them."""

import gc
import importlib
import sys
from types import ModuleType


def load(name: str) -> ModuleType:
    """Import a module. Python does not look for garbage meanwhile, nor later among what it brought.

    Half a million objects come with napari alone and all of them stay; to visit them again and again took a third of
    the time that loading takes, and every later search would visit them once more.

    Raises:
        ImportError: it, or what it needs, cannot be loaded.
    """
    known = sys.modules.get(name)
    if known is not None:
        return known
    running = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if running:
            gc.enable()

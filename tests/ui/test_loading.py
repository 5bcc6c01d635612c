"""Modules that are loaded without a search for garbage."""

import gc
import sys
from pathlib import Path

import pytest

from ctworkbench.ui.loading import load


def test_that_the_search_for_garbage_rests_while_a_module_is_loaded_and_goes_on_after_a_failure_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "loaded_at_rest.py").write_text("import gc\nSEARCHED = gc.isenabled()\n")
    (tmp_path / "loaded_in_vain.py").write_text("raise ImportError('no such driver')\n")
    searching = gc.isenabled()
    gc.enable()
    try:
        assert load("loaded_at_rest").SEARCHED is False
        assert gc.isenabled()
        assert load("loaded_at_rest") is sys.modules["loaded_at_rest"]
        with pytest.raises(ImportError, match="no such driver"):
            load("loaded_in_vain")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        if not searching:
            gc.disable()

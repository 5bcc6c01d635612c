"""What every test shares: how tests are dealt out to processes, and a home of their own."""

import os
import tempfile
from pathlib import Path

import pytest

# Before anything is imported that reads them: the tests neither read nor change the settings of whoever runs them.
_HOME = tempfile.TemporaryDirectory(prefix="ctworkbench-tests-", ignore_cleanup_errors=True)
os.environ["XDG_CONFIG_HOME"] = str(Path(_HOME.name) / "config")
os.environ["XDG_CACHE_HOME"] = str(Path(_HOME.name) / "cache")
os.environ["NAPARI_CONFIG"] = str(Path(_HOME.name) / "napari" / "settings.yaml")
for name in [name for name in os.environ if name.startswith("CTWORKBENCH_")]:
    del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal tests out by file; all tests of the window go to one process, since windows share one display.

    What lies in `tests/bench` measures, and is kept out of `make test` by its marker.
    """
    tests = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(tests)
        group = "window" if place.parts[0] == "ui" else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
        if place.parts[0] == "bench":
            item.add_marker(pytest.mark.bench)

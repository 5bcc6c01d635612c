"""What every test shares: a home of its own, and marks by place."""

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


def pytest_itemcollected(item: pytest.Item) -> None:
    """What lies in `tests/bench` measures, and is kept out of `make test` by its marker."""
    if item.path.relative_to(Path(__file__).parent).parts[0] == "bench":
        item.add_marker(pytest.mark.bench)

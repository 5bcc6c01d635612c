"""Build hook: `resources/` lies beside the package in a checkout and inside it in a wheel, with the commit it is of."""

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ResourcesHook(BuildHookInterface[Any]):
    """Copies `resources/` to `ctworkbench/resources` in the wheel, and writes down the commit in wheel and sdist.

    Only there: an editable installation finds both in the checkout, where a copy would go stale.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder, and the commit where it is known, to what is built."""
        if version != "standard":
            return
        if self.target_name == "wheel":
            build_data["force_include"]["resources"] = "ctworkbench/resources"
        code = runpy.run_path(str(Path(self.root, "ctworkbench", "core", "code_version.py")))
        commit: str = code["commit_of"](Path(self.root))
        if commit:  # a wheel built from an sdist takes over the sdist's
            self._place = tempfile.TemporaryDirectory()  # until the build has ended
            path = Path(self._place.name, code["BUILT_FROM"])
            path.write_text(commit + "\n", encoding="utf-8")
            build_data["force_include"][str(path)] = f"ctworkbench/{path.name}"

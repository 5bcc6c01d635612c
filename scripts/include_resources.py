"""Build hook: `resources/` lies beside the package in a checkout and inside it in a wheel."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ResourcesHook(BuildHookInterface[Any]):
    """Copies `resources/` to `ctworkbench/resources` in the wheel.

    Only there: an editable installation finds it in the checkout, where a copy would go stale.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder to what the wheel holds."""
        if version == "standard":
            build_data["force_include"]["resources"] = "ctworkbench/resources"

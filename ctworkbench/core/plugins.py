"""A plugin is a module: one file in a package adds one network, one preset, one statistic or one check."""

import importlib
import importlib.util
import pkgutil
from types import ModuleType

from ctworkbench.core.errors import WorkbenchError

NETWORKS = "ctworkbench.train.networks"
PRESETS = "ctworkbench.train.presets"
STATISTICS = "ctworkbench.core.statistics"
CHECKS = "ctworkbench.core.checks"


def names(package: str) -> list[str]:
    """Names of the plugins in a package, sorted; no plugin is imported, so this costs no torch.

    Args:
        package: dotted name such as `NETWORKS`; names that begin with an underscore are not plugins.

    Raises:
        WorkbenchError: there is no such package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise WorkbenchError(f"There is no package {package!r} to find plugins in.")
    found = pkgutil.iter_modules(list(spec.submodule_search_locations))
    return sorted(module.name for module in found if not module.name.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Import one plugin.

    Raises:
        WorkbenchError: the package has no plugin of that name.
    """
    known = names(package)
    if name not in known:
        kind = package.rpartition(".")[2]
        raise WorkbenchError(f"There is no {name!r} among the {kind}.", f"Choose one of {', '.join(known)}.")
    return importlib.import_module(f"{package}.{name}")

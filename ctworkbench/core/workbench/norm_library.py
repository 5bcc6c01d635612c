"""The norms that a study has, and the one it uses."""

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import NormRow


def norm(study: OpenStudy, name: str | None = None) -> Norm:
    """The norm in use, or the one of a name.

    Raises:
        WorkbenchError: there is no norm of that name.
    """
    published = published_norm()
    if name not in (None, published.name):
        raise _unknown(name, [published.name])
    return published


def library(study: OpenStudy) -> list[NormRow]:
    """All norms that the study has, the published one first."""
    return [_row(published_norm(), "published", used=True)]


def choose_norm(study: OpenStudy, name: str, initiator: object = None) -> None:
    """Use a norm from now on for charts, tables of one child, and reports.

    Raises:
        WorkbenchError: there is no norm of that name.
    """
    norm(study, name)


def _row(found: Norm, origin: str, used: bool) -> NormRow:
    limits = found.limits
    return NormRow(
        name=found.name,
        title=found.title,
        origin=origin,
        method=limits.method,
        population=limits.population,
        ages=limits.ages,
        n_male=limits.n_male,
        n_female=limits.n_female,
        regions=found.regions,
        scanners=limits.scanners,
        thickness=limits.thicknesses,
        cautions=limits.cautions,
        used=used,
    )


def _unknown(name: str | None, there: list[str]) -> WorkbenchError:
    return WorkbenchError(f"The study has no norm {name!r}.", f"It has {', '.join(there)}.")

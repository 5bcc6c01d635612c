"""The service layer: every act of a user is one method of one room over one open study."""

from ctworkbench.core.model import Origin, Role, Sex, Verdict
from ctworkbench.core.workbench.rows import (
    AnnotationRow,
    Band,
    Changes,
    ChartData,
    ChildRow,
    Dot,
    ModelRow,
    RefusalRow,
    ReviewRow,
    ScanRow,
    StatusSummary,
    VolumeRow,
)
from ctworkbench.core.workbench.service import Workbench

__all__ = [
    "AnnotationRow",
    "Band",
    "Changes",
    "ChartData",
    "ChildRow",
    "Dot",
    "ModelRow",
    "Origin",
    "RefusalRow",
    "ReviewRow",
    "Role",
    "ScanRow",
    "Sex",
    "StatusSummary",
    "Verdict",
    "VolumeRow",
    "Workbench",
]

"""The service layer: every act of a user is one method of one room over one open study."""

from ctworkbench.core.model import Origin, Role, Sex, Verdict
from ctworkbench.core.workbench.rows import (
    AnnotationRow,
    Band,
    Changes,
    ChartData,
    Dot,
    ModelRow,
    RefusalRow,
    ReviewRow,
    ScanRow,
    Standing,
    StatusSummary,
    VolumeRow,
    WorklistRow,
)
from ctworkbench.core.workbench.service import Workbench

__all__ = [
    "AnnotationRow",
    "Band",
    "Changes",
    "ChartData",
    "Dot",
    "ModelRow",
    "Origin",
    "RefusalRow",
    "ReviewRow",
    "Role",
    "ScanRow",
    "Sex",
    "Standing",
    "StatusSummary",
    "Verdict",
    "VolumeRow",
    "Workbench",
    "WorklistRow",
]

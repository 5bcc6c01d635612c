"""The one-page report of a child."""

from ctworkbench.core.report.compose import child_report, compose
from ctworkbench.core.report.header import RESEARCH_ONLY
from ctworkbench.core.report.inputs import ReportInput

__all__ = ["RESEARCH_ONLY", "ReportInput", "child_report", "compose"]

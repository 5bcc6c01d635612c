"""Configurations of a training compared: what is trained, what came of it, whether they differ."""

from ctworkbench.core.model_comparison.measures import ALL_REGIONS, MEASURES, ComparedRun, Measure
from ctworkbench.core.model_comparison.paired import TESTS, Test
from ctworkbench.core.model_comparison.plan import Configuration, Plan, parse_changes, parse_configuration
from ctworkbench.core.model_comparison.result import ComparisonResult

__all__ = [
    "ALL_REGIONS",
    "MEASURES",
    "TESTS",
    "ComparedRun",
    "ComparisonResult",
    "Configuration",
    "Measure",
    "Plan",
    "Test",
    "parse_changes",
    "parse_configuration",
]

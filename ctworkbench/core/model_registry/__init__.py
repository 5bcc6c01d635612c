"""What is told of a trained network: its facts, its card, and the one file that carries it to another workstation."""

from ctworkbench.core.model_registry.facts import ModelFacts
from ctworkbench.core.model_registry.package import SUFFIX, Package, read_package, write_package

__all__ = ["SUFFIX", "ModelFacts", "Package", "read_package", "write_package"]

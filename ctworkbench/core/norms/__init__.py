"""Norms: what volume is expected of a child of some age and sex, and where that ends."""

from ctworkbench.core.norms.norm import (
    SEX_CODE,
    Assessment,
    Bands,
    Limits,
    Norm,
    NormError,
    centile_of,
    deviate_of,
)
from ctworkbench.core.norms.published import PublishedNorm, published_norm

__all__ = [
    "SEX_CODE",
    "Assessment",
    "Bands",
    "Limits",
    "Norm",
    "NormError",
    "PublishedNorm",
    "centile_of",
    "deviate_of",
    "published_norm",
]

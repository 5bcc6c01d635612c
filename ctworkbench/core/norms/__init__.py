"""Norms: what volume is expected of a child of some age and sex, and where that ends."""

from ctworkbench.core.norms.published import (
    SEX_CODE,
    Assessment,
    Limits,
    Norm,
    NormError,
    centile_of,
    published_norm,
)

__all__ = ["SEX_CODE", "Assessment", "Limits", "Norm", "NormError", "centile_of", "published_norm"]

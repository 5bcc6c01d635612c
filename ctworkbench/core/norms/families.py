"""Distributions of a volume with location, scale and shape: density with its gradient, centile and quantile.

All are written for the ratio r = y/μ, so that σ is a coefficient of variation, and with predictors that may take any
value: log μ, log σ and the shapes. Both hold the normal distribution: BCCG at ν = 1, SHASH at ε = 0 and log δ = 0.

Sources: BCCG, the distribution of the LMS method: Cole and Green, Stat Med 1992; 11:1305, with the truncation of Rigby
and Stasinopoulos, Appl Stat 2005; 54:507 (their Box–Cox Cole and Green distribution). SHASH: Jones and Pewsey,
Biometrika 2009; 96:761.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LOG_ROOT_2_PI = 0.9189385332046727
_NO_TRUNCATION = 8.0  # SDs: what is cut off of a normal distribution there is below 1e-15
_NEARLY_LOG = 1e-12  # below this |ν| the power is the logarithm to double precision
_SERIES = 1e-3  # below this |ν log r| the slope by ν is taken from its series: the closed form loses digits
_STEEPEST = 30.0  # of an exponent: beyond it a trial step of the fit has left all that volumes can be


class Family(ABC):
    """A distribution of y given its predictors, all arrays of one shape; `eta` has one row a parameter.

    Attributes:
        name: as the norm's file has it.
        parameters: their names in the order of `eta`'s rows.
        neutral: values of the shapes (all parameters after μ and σ) that make it the normal distribution.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    neutral: ClassVar[tuple[float, ...]]

    @abstractmethod
    def log_density(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Log density of y, and its derivatives by the predictors, one row a parameter."""

    @abstractmethod
    def z(self, y: Array, eta: Array) -> Array:
        """The normal deviate of y's centile."""

    @abstractmethod
    def quantile(self, z: Array, eta: Array) -> Array:
        """The y whose centile has the normal deviate z; the inverse of `z`."""


class Bccg(Family):
    """Box–Cox Cole and Green: (r^ν − 1)/(νσ) is standard normal, cut off where r would be negative."""

    name = "BCCG"
    parameters = ("log mu", "log sigma", "nu")
    neutral = (1.0,)

    def log_density(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """See `Family.log_density`."""
        from scipy.special import log_ndtr

        sigma, nu = _exp(eta[1]), eta[2]
        log_r = np.log(y) - eta[0]
        power = _exp(nu * log_r)
        z = self._deviate(log_r, sigma, nu)
        cut = 1 / (sigma * np.maximum(np.abs(nu), _NEARLY_LOG))
        log_kept = log_ndtr(cut)
        hazard = cut * np.exp(-(cut**2) / 2 - _LOG_ROOT_2_PI - log_kept)
        density = nu * log_r - eta[1] - z**2 / 2 - np.log(y) - _LOG_ROOT_2_PI - log_kept
        steps = nu * log_r
        near = np.abs(steps) < _SERIES
        safe = np.where(near, 1.0, nu)
        series = log_r**2 * (1 / 2 + steps / 3 + steps**2 / 8) / sigma
        by_nu = np.where(near, series, (power * log_r / sigma - z) / safe)
        slopes = np.stack(
            [
                -nu + z * power / sigma,
                z**2 - 1 + hazard,
                log_r - z * by_nu + np.where(hazard > 0, hazard / np.where(nu == 0, 1.0, nu), 0.0),
            ]
        )
        return density, slopes

    def z(self, y: Array, eta: Array) -> Array:
        """See `Family.z`."""
        sigma, nu = np.exp(eta[1]), eta[2]
        log_r = np.log(y) - eta[0]
        raw = self._deviate(log_r, sigma, nu)
        return _uncut(raw, nu, 1 / (sigma * np.maximum(np.abs(nu), _NEARLY_LOG)))

    def quantile(self, z: Array, eta: Array) -> Array:
        """See `Family.quantile`."""
        sigma, nu = np.exp(eta[1]), eta[2]
        raw = _cut(z, nu, 1 / (sigma * np.maximum(np.abs(nu), _NEARLY_LOG)))
        near_log = np.abs(nu) < _NEARLY_LOG
        safe = np.where(near_log, 1.0, nu)
        log_r = np.where(near_log, sigma * raw, np.log1p(np.maximum(safe * sigma * raw, -1 + 1e-12)) / safe)
        return np.exp(eta[0] + log_r)

    @staticmethod
    def _deviate(log_r: Array, sigma: Array, nu: Array) -> Array:
        near_log = np.abs(nu) < _NEARLY_LOG
        power_less_1 = np.expm1(np.clip(nu * log_r, -_STEEPEST, _STEEPEST))
        return np.where(near_log, log_r, power_less_1 / np.where(near_log, 1.0, nu)) / sigma


class Shash(Family):
    """Sinh–arcsinh: sinh(δ·arcsinh((r − 1)/σ) − ε) is standard normal; ε is its skew, δ < 1 makes heavy tails."""

    name = "SHASH"
    parameters = ("log mu", "log sigma", "epsilon", "log delta")
    neutral = (0.0, 0.0)

    def log_density(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """See `Family.log_density`."""
        sigma, delta = _exp(eta[1]), _exp(eta[3])
        ratio = np.exp(np.clip(np.log(y) - eta[0], -_STEEPEST, _STEEPEST))
        x = (ratio - 1) / sigma
        wide = 1 + x**2
        u = np.arcsinh(x)
        w = np.clip(delta * u - eta[2], -_STEEPEST, _STEEPEST)
        z, cosh, tanh = np.sinh(w), np.cosh(w), np.tanh(w)
        density = eta[3] + np.log(cosh) - z**2 / 2 - np.log(wide) / 2 - eta[1] - eta[0] - _LOG_ROOT_2_PI
        by_w = tanh - z * cosh
        by_x = by_w * delta / np.sqrt(wide) - x / wide
        return density, np.stack([-by_x * ratio / sigma - 1, -by_x * x - 1, -by_w, 1 + by_w * delta * u])

    def z(self, y: Array, eta: Array) -> Array:
        """See `Family.z`."""
        x = (np.exp(np.log(y) - eta[0]) - 1) / np.exp(eta[1])
        return np.sinh(np.exp(eta[3]) * np.arcsinh(x) - eta[2])

    def quantile(self, z: Array, eta: Array) -> Array:
        """See `Family.quantile`."""
        x = np.sinh((np.arcsinh(z) + eta[2]) / np.exp(eta[3]))
        return np.exp(eta[0]) * (1 + np.exp(eta[1]) * x)


FAMILIES: dict[str, Family] = {family.name: family for family in (Bccg(), Shash())}


def _exp(values: Array) -> Array:
    return np.exp(np.clip(values, -_STEEPEST, _STEEPEST))


def _uncut(raw: Array, nu: Array, cut: Array) -> Array:
    """Normal deviate of the centile in the truncated distribution, from the deviate in the whole one.

    For ν > 0 the part below −cut is missing, for ν < 0 the part above cut; tails are taken from their own side, where
    they are small numbers and not differences of ones.
    """
    from scipy.special import ndtr, ndtri

    if np.all(cut > _NO_TRUNCATION):
        return raw
    missing, kept = ndtr(-cut), ndtr(cut)
    side = np.where(nu > 0, 1.0, -1.0)  # of the whole tail
    x = raw * side
    whole = -ndtri(ndtr(-x) / kept)
    with np.errstate(divide="ignore", invalid="ignore"):
        short = ndtri(np.maximum(ndtr(x) - missing, 0.0) / kept)
    return np.where(cut > _NO_TRUNCATION, raw, side * np.where(x > 0, whole, short))


def _cut(z: Array, nu: Array, cut: Array) -> Array:
    """Deviate in the whole distribution, from that of the centile in the truncated one; the inverse of `_uncut`."""
    from scipy.special import ndtr, ndtri

    z, nu, cut = np.broadcast_arrays(z, nu, cut)
    if np.all(cut > _NO_TRUNCATION):
        return z
    missing, kept = ndtr(-cut), ndtr(cut)
    side = np.where(nu > 0, 1.0, -1.0)
    x = z * side
    turn = -ndtri(ndtr(0.0) / kept)  # where `_uncut` changes from one tail to the other
    found = np.where(x > turn, -ndtri(ndtr(-x) * kept), ndtri(ndtr(x) * kept + missing))
    return np.where(cut > _NO_TRUNCATION, z, side * found)

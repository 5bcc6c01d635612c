"""Colours as they are seen: by people with and without all kinds of cones, and against their ground."""

import numpy as np
from numpy.typing import NDArray

# Machado, Oliveira & Fernandes, IEEE Trans. Vis. Comput. Graph. 2009; 15:1291, severity 1, in linear RGB.
VISION = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue cones": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(color: str) -> NDArray[np.float64]:
    """Linear RGB of a colour such as "#ffd196"."""
    return _linear(_channels(color))


def blended(color: str, opacity: float, grey: float) -> NDArray[np.float64]:
    """Linear RGB of a colour laid over a grey of 0 to 1, as a screen blends it: in sRGB."""
    return _linear(_channels(color) * opacity + grey * (1 - opacity))


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of linear RGB."""
    x = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """Contrast by WCAG 2.1."""
    light, dark = sorted((float(TO_XYZ[1] @ linear(color)) for color in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _channels(color: str) -> NDArray[np.float64]:
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255


def _linear(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)

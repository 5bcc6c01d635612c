"""The plain 3D U-Net of Çiçek et al. 2016 (arXiv:1606.06650), the baseline: no residuals, skips are concatenated.

Two convolutions a level; as in the ResU-Net here, each is followed by a norm and a ReLU, and any input size works.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ctworkbench.train.networks.resunet import Params, convolution, norm

__all__ = ["Params", "UNet3D", "build"]


class UNet3D(nn.Module):
    """Image (n, in_channels, x, y, z) → logits (n, classes, x, y, z), float32."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        widths = params.channels
        self.down = nn.ModuleList(
            Pair(before, width, params) for before, width in zip((params.in_channels, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(Pair(widths[i] + widths[i + 1], widths[i], params) for i in range(len(widths) - 1))
        self.output = nn.Conv3d(widths[0], params.classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of every class at every voxel."""
        x, skips = image, list[Tensor]()
        for level, pair in enumerate(self.down):
            x = pair(functional.max_pool3d(x, 2, ceil_mode=True) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            skip = skips[level]
            x = functional.interpolate(x, skip.shape[2:], mode="trilinear")
            x = self.up[level](torch.cat([skip, x], 1))
        return self.output(x)


class Pair(nn.Module):
    """Two convolutions, norm and ReLU after each."""

    def __init__(self, before: int, width: int, params: Params) -> None:
        super().__init__()
        self.first, self.second = convolution(before, width, params), convolution(width, width, params)
        self.norms = nn.ModuleList(norm(width, params) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Same grid, `width` channels."""
        x = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(self.norms[1](self.second(x)))


def build(params: Params) -> nn.Module:
    """The network with fresh weights drawn from torch's global generator (seed it first)."""
    return UNet3D(params)

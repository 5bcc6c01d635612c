"""ResU-Net: the residual symmetric U-Net of Lee et al. 2017 (arXiv:1706.00120), read into Xi et al. 2025.

Four modules down, one at the bottom, four up; each is a convolution followed by a residual pair, so 9 × 3 = 27
convolutions. The embedding at the entrance, the 1×1×1 convolutions that fit the channels after upsampling, and the
output are not counted. That this is what the article means by "27 convolutional layers" is an inference: it has no
table of layers and cites the residual block alone (He et al. 2016). Skips are sums, as in Lee et al. Any input size
works: halves are rounded up and met again by interpolation.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

Kernel = tuple[int, int, int]


class Params(BaseModel):
    """What decides the shape of the network, and so of its weights.

    Attributes:
        channels: width of each level from full resolution down; five levels give 27 convolutions.
        kernel: the article's (slice, row, column), that is (z, y, x): (3, 3, 3) or (1, 3, 3).
        in_channels: 1 for the image alone, 4 with the three coordinates.
        classes: regions + 1 for what is none.
        norm: "instance" sees one brain at a time, in training as in use; "batch" is the source's.
    """

    model_config = ConfigDict(frozen=True)

    channels: tuple[int, ...] = Field(default=(16, 32, 64, 128, 256), min_length=2)
    kernel: Kernel = (3, 3, 3)
    in_channels: int = Field(default=1, ge=1)
    classes: int = Field(default=11, ge=2)
    norm: Literal["instance", "batch"] = "instance"


class ResUNet(nn.Module):
    """Image (n, in_channels, x, y, z) → logits (n, classes, x, y, z), float32."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        widths = params.channels
        self.embedding = nn.Conv3d(params.in_channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Module(before, width, params) for before, width in zip((widths[0], *widths), widths, strict=False)
        )
        self.fit = nn.ModuleList(nn.Conv3d(widths[i + 1], widths[i], 1) for i in range(len(widths) - 1))
        self.up = nn.ModuleList(Module(width, width, params) for width in widths[:-1])
        self.output = nn.Conv3d(widths[0], params.classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of every class at every voxel."""
        x = self.embedding(image)
        skips: list[Tensor] = []
        for level, module in enumerate(self.down):
            if level:
                x = functional.max_pool3d(x, 2, ceil_mode=True)
            x = module(x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            skip = skips[level]
            x = functional.interpolate(self.fit[level](x), skip.shape[2:], mode="trilinear")
            x = self.up[level](x + skip)
        return self.output(x)


class Module(nn.Module):
    """Convolution, then a residual pair; norm and ReLU after each."""

    def __init__(self, before: int, width: int, params: Params) -> None:
        super().__init__()
        self.first = convolution(before, width, params)
        self.second = convolution(width, width, params)
        self.third = convolution(width, width, params)
        self.norms = nn.ModuleList(norm(width, params) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Same grid, `width` channels."""
        x = functional.relu(self.norms[0](self.first(x)))
        y = functional.relu(self.norms[1](self.second(x)))
        return functional.relu(x + self.norms[2](self.third(y)))


def build(params: Params) -> nn.Module:
    """The network with fresh weights drawn from torch's global generator (seed it first)."""
    return ResUNet(params)


def counted_convolutions(network: nn.Module) -> int:
    """Convolutions inside the modules: the 27 of the article at five levels."""
    modules = [part for part in network.modules() if isinstance(part, Module)]
    return sum(isinstance(layer, nn.Conv3d) for part in modules for layer in part.modules())


def convolution(before: int, width: int, params: Params) -> nn.Conv3d:
    """Arrays are (x, y, z), kernels are named (z, y, x): turned round here, or (1, 3, 3) would cut the wrong way."""
    kernel: Kernel = (params.kernel[2], params.kernel[1], params.kernel[0])
    padding: Kernel = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    layer = nn.Conv3d(before, width, kernel, padding=padding, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def norm(width: int, params: Params) -> nn.Module:
    """The norm that the parameters ask for."""
    return nn.InstanceNorm3d(width, affine=True) if params.norm == "instance" else nn.BatchNorm3d(width)

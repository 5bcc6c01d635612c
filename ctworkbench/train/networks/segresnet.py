"""SegResNet (Myronenko 2018, arXiv:1810.11654) as MONAI has it: a strong rival, residual.

The encoder has 1, 2, 2, 4 blocks, as the source; skips are sums. Norms are those of the other networks here, which see
one brain at a time, where the source has group norms. MONAI doubles the width from level to level, so of
`channels` the first counts, and how many there are. It wants sizes that can be halved at each level: the image is
padded with 0 on the far sides, and the answer cut.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

_BLOCKS = (1, 2, 2, 4, 4)


class Params(BaseModel):
    """What decides the shape of the network, and so of its weights.

    Attributes:
        channels: width of the first level, and one entry for each further level.
        kernel: (3, 3, 3), the only one.
        in_channels: 1 for the image alone, 4 with the three coordinates.
        classes: regions + 1 for what is none.
    """

    model_config = ConfigDict(frozen=True)

    channels: tuple[int, ...] = Field(default=(16, 32, 64, 128), min_length=2, max_length=len(_BLOCKS))
    kernel: tuple[Literal[3], Literal[3], Literal[3]] = (3, 3, 3)
    in_channels: int = Field(default=1, ge=1)
    classes: int = Field(default=11, ge=2)


class Padded(nn.Module):
    """Image (n, in_channels, x, y, z) → logits (n, classes, x, y, z), float32, for any size."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        from monai.networks.nets.segresnet import SegResNet

        levels = len(params.channels)
        self.step = 2 ** (levels - 1)
        self.network = SegResNet(
            spatial_dims=3,
            init_filters=params.channels[0],
            in_channels=params.in_channels,
            out_channels=params.classes,
            blocks_down=_BLOCKS[:levels],
            blocks_up=(1,) * (levels - 1),
            norm=("INSTANCE", {"affine": True}),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logits of every class at every voxel."""
        x, y, z = image.shape[2:]
        padded = functional.pad(image, (0, -z % self.step, 0, -y % self.step, 0, -x % self.step))
        return self.network(padded)[:, :, :x, :y, :z]


def build(params: Params) -> nn.Module:
    """The network with fresh weights drawn from torch's global generator (seed it first)."""
    return Padded(params)

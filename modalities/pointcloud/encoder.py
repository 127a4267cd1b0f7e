"""The default encoder of `pointcloud`: a small PointNet."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class PointNet(nn.Module):
    """The same layers for each point, the maximum over points, then layers for the whole.

    C. Qi et al., 2017, arXiv:1612.00593, without its learned alignments. No layer sees two points together but
    the maximum: neither the order of points nor points given twice change a vector.

    Args:
        in_channels: channels of the (batch, channel, point) input.
        channels: features per point after each layer.
        hidden: features of the layer for the whole cloud.
        dropout: on its input.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        channels: tuple[int, ...] = (64, 128, 256, 512),
        hidden: int = 512,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), nn.GELU())  # norm per point: none sees its neighbours
                for a, b in pairwise((in_channels, *channels))
            )
        )
        self.whole = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(channels[-1], hidden), nn.LayerNorm(hidden), nn.GELU()
        )
        self.width = hidden

    def forward(self, x: Float[Tensor, "batch channel point"]) -> Float[Tensor, "batch features"]:
        return self.whole(self.stages(x.mT).amax(1))

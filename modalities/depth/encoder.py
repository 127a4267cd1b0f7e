"""The default encoders of `depth`: one for still maps, one for clips."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from binder.towers.blocks import ClipConvNet, ImageConvNet

CHANNELS = 2  # nearness and mask


class _StillNet(nn.Module):
    """An image network for clips of one frame."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.image = ImageConvNet(CHANNELS, **options)
        self.width = self.image.width

    def forward(self, x: Float[Tensor, "batch 2 1 height width"]) -> Float[Tensor, "batch features"]:
        return self.image(x.squeeze(2))


def still_encoder(**options: Any) -> nn.Module:
    """Build the encoder of still maps; options of `ImageConvNet`."""
    return _StillNet(**options)


def clip_encoder(*, size: int, num_frames: int, **options: Any) -> ClipConvNet:
    """Build the encoder of clips; options of `ClipConvNet`.

    Raises:
        ValueError: `num_frames` cannot be cut into stacks.
    """
    network = ClipConvNet(CHANNELS, size=size, **options)
    if num_frames % network.stack:
        raise ValueError(f"num_frames {num_frames} is not divisible by stack {network.stack}")
    return network

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


def still_encoder(*, channels: tuple[int, ...] = (32, 64, 128, 256), dropout: float = 0.0) -> nn.Module:
    """Build the encoder of still maps."""
    return _StillNet(channels=tuple(channels), dropout=dropout)


def clip_encoder(
    *,
    size: int,
    num_frames: int,
    patch: int = 4,
    frame_channels: tuple[int, ...] = (32, 64, 96),
    frame_features: int = 128,
    channels: tuple[int, ...] = (192, 256),
    stack: int = 2,
    kernel: int = 3,
    dropout: float = 0.2,
) -> ClipConvNet:
    """Build the encoder of clips.

    Raises:
        ValueError: `num_frames` cannot be cut into stacks.
    """
    if num_frames % stack:
        raise ValueError(f"num_frames {num_frames} is not divisible by stack {stack}")
    return ClipConvNet(
        CHANNELS,
        size=size,
        patch=patch,
        frame_channels=tuple(frame_channels),
        frame_features=frame_features,
        channels=tuple(channels),
        stack=stack,
        kernel=kernel,
        dropout=dropout,
    )

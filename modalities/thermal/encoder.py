"""The default thermal encoder; called by `Thermal.encoder`."""

from collections.abc import Sequence

from torch import nn

from binder.towers.blocks import ImageConvNet


def build_encoder(*, channels: Sequence[int] = (32, 64, 128, 256), dropout: float = 0.0) -> nn.Module:
    """Strided convolutions over the picture: (batch, 1, size, size) -> (batch, 2 * channels[-1])."""
    return ImageConvNet(1, channels=tuple(channels), dropout=dropout)

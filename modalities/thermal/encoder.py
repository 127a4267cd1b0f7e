"""The default thermal encoder; called by `Thermal.encoder`."""

from typing import Any

from torch import nn

from binder.towers.blocks import ImageConvNet


def build_encoder(**options: Any) -> nn.Module:
    """Strided convolutions over the picture; options of `ImageConvNet`.

    (batch, 1, size, size) -> (batch, 2 * channels[-1]).
    """
    return ImageConvNet(1, **options)

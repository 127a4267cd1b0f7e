"""The default image encoder; called by `Image.encoder`."""

from typing import Any

from torch import nn

from binder.towers.blocks import ImageConvNet


def build_encoder(**options: Any) -> nn.Module:
    """Strided convolutions over the RGB square; options of `ImageConvNet`.

    (batch, 3, size, size) -> (batch, 2 * channels[-1]).
    """
    return ImageConvNet(3, **options)

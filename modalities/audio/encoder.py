"""The default audio encoder; called by `Audio.encoder`."""

from typing import Any

from torch import nn

from binder.towers.blocks import ImageConvNet


def build_encoder(**options: Any) -> nn.Module:
    """Strided convolutions over the mel picture; options of `ImageConvNet`.

    (batch, 1, band, frame) -> (batch, 2 * channels[-1]).
    """
    return ImageConvNet(1, **options)

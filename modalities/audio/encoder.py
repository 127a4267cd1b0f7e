"""The default audio encoders; called by `Audio.encoder`."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from binder.towers.blocks import ImageConvNet
from binder.towers.parts import MeanOfParts


def build_encoder(*, in_channels: int, masked: bool, in_parts: bool, **options: Any) -> nn.Module:
    """Strided convolutions over the mel picture; options of `ImageConvNet`.

    Args:
        in_channels: pictures that are stacked as channels.
        masked: for batches of several lengths.
        in_parts: for batches of (sound, clip, channel, band, frame): the mean of the clips' features.
        options: `channels`, `dropout`.
    """
    image = ImageConvNet(in_channels, **options)
    if masked:
        return MaskedMelNet(image)
    return MeanOfParts(image) if in_parts else image


class MaskedMelNet(nn.Module):
    """An image network that never lets padding speak: each sound gets the features it has alone.

    Padded frames are zero before every convolution, as what lies beyond the edge of an unpadded picture
    is; norms and pooling count real frames only.
    """

    def __init__(self, image: ImageConvNet) -> None:
        super().__init__()
        self.image = image
        self.width = image.width

    def forward(self, batch: dict[str, Tensor]) -> Float[Tensor, "sound features"]:
        x, frames = batch["mel"], batch["frames"]
        for stage in self.image.stages:
            conv, norm, activation = stage.children()
            assert isinstance(norm, nn.GroupNorm)
            x = conv(x * _real(x, frames))
            frames = (frames + 1) // 2  # kernel 3, stride 2, padding 1
            x = activation(_group_norm(x, norm, _real(x, frames)))
        real = _real(x, frames)
        mean = (x * real).sum((-2, -1)) / (x.shape[-2] * frames[:, None])
        largest = x.masked_fill(~real, -torch.inf).amax((-2, -1))
        return self.image.dropout(torch.cat([mean, largest], dim=-1))


def _real(x: Float[Tensor, "sound channel band frame"], frames: Tensor) -> Bool[Tensor, "sound 1 1 frame"]:
    return (torch.arange(x.shape[-1], device=x.device) < frames[:, None])[:, None, None]


def _group_norm(
    x: Float[Tensor, "sound channel band frame"], norm: nn.GroupNorm, real: Bool[Tensor, "sound 1 1 frame"]
) -> Float[Tensor, "sound channel band frame"]:
    """`norm` with the mean and deviation of real frames."""
    groups = x.unflatten(1, (norm.num_groups, -1)).float()  # sums over a picture overflow half precision
    real = real[:, None]
    count = real.sum((2, 3, 4), keepdim=True) * groups.shape[2] * groups.shape[3]
    centred = (groups - (groups * real).sum((2, 3, 4), keepdim=True) / count) * real
    variance = centred.square().sum((2, 3, 4), keepdim=True) / count
    normed = (centred / (variance + norm.eps).sqrt()).flatten(1, 2).to(x.dtype)
    return normed * norm.weight[:, None, None] + norm.bias[:, None, None]

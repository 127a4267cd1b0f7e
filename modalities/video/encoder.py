"""The default video encoder; called by `Video.encoder`."""

from typing import Any, Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from binder.towers.blocks import ImageConvNet
from binder.towers.parts import AttentionOverParts, MeanOfParts

Pooling = Literal["mean", "attention"]


def build_encoder(*, num_frames: int, in_parts: bool, pooling: Pooling = "mean", **options: Any) -> nn.Module:
    """An image network on every frame, pooled over time.

    Args:
        num_frames: of a clip.
        in_parts: for batches of (video, clip, 3, time, size, size): the mean of the clips' features.
        pooling: `mean` of the frames' features, or `attention` over them, which knows their order.
        options: of `ImageConvNet`.
    """
    if pooling not in get_args(Pooling):
        raise ValueError(f"expected pooling in {get_args(Pooling)}, got {pooling!r}")
    image = ImageConvNet(3, **options)
    clip = FrameNet(MeanOfParts(image) if pooling == "mean" else AttentionOverParts(image, num_parts=num_frames))
    return MeanOfParts(clip) if in_parts else clip


class FrameNet(nn.Module):
    """Gives the frames of a clip, (batch, channel, time, height, width), to a network of samples in parts."""

    def __init__(self, frames: MeanOfParts | AttentionOverParts) -> None:
        super().__init__()
        self.frames = frames
        self.width = frames.width

    def forward(self, x: Float[Tensor, "batch 3 time size size"]) -> Float[Tensor, "batch features"]:
        return self.frames(x.transpose(1, 2))

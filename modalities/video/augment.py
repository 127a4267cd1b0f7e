"""Varies the frames of a video in training, all alike; called by `Video.augment`."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import random_crop


def vary_video(
    frames: Float[Tensor, "*clip channel time size size"],
    generator: Generator,
    *,
    smallest_crop: float,
    brightness: float,
    flip: bool,
) -> Float[Tensor, "*clip channel time size size"]:
    """Crop one square out of every frame and scale it back, change the brightness, perhaps mirror.

    Args:
        frames: as `Video.transform` returns them.
        generator: the only source of chance.
        smallest_crop: side of the smallest crop, as a share of the side.
        brightness: the largest relative change.
        flip: mirror every second video.
    """
    pictures = frames.reshape(-1, *frames.shape[-2:])  # as channels of one picture, so that one crop cuts them all
    varied = random_crop(pictures, generator, smallest=smallest_crop).view(frames.shape)
    change, coin = torch.rand(2, generator=generator).tolist()
    varied = varied * (1 + brightness * (2 * change - 1))
    return varied.flip(-1) if flip and coin < 0.5 else varied

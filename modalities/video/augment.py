"""Varies the frames of a video in training, all alike; called by `Video.augment`."""

from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import random_look


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
    varied, change = random_look(frames, generator, smallest=smallest_crop, flip=flip)
    return varied * (1 + brightness * change)

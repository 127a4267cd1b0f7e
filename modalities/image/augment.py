"""Varies a prepared image in training; called by `Image.augment`."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import random_crop


def vary_image(
    image: Float[Tensor, "channel size size"],
    generator: Generator,
    *,
    smallest_crop: float,
    brightness: float,
    flip: bool,
) -> Float[Tensor, "channel size size"]:
    """Crop a random square and scale it back, change the brightness, perhaps mirror.

    Args:
        image: as `to_tensor` returns it.
        generator: the only source of chance.
        smallest_crop: side of the smallest crop, as a share of the side.
        brightness: the largest relative change.
        flip: mirror every second image.
    """
    varied = random_crop(image, generator, smallest=smallest_crop)
    change, coin = torch.rand(2, generator=generator).tolist()
    varied = varied * (1 + brightness * (2 * change - 1))
    return varied.flip(-1) if flip and coin < 0.5 else varied

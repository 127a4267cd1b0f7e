"""Varies a prepared image in training; called by `Image.augment`."""

from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import random_look


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
    varied, change = random_look(image, generator, smallest=smallest_crop, flip=flip)
    return varied * (1 + brightness * change)

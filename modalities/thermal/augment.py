"""Varies a prepared thermal picture in training; called by `Thermal.augment`."""

from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import random_look


def vary_thermal(
    picture: Float[Tensor, "1 size size"],
    generator: Generator,
    *,
    smallest_crop: float,
    drift: float,
    flip: bool,
) -> Float[Tensor, "1 size size"]:
    """Crop a random square and scale it back, offset all temperatures, perhaps mirror.

    Args:
        picture: as `to_tensor` returns it.
        generator: the only source of chance.
        smallest_crop: side of the smallest crop, as a share of the side.
        drift: the largest offset, in units of the tensor; uncooled cameras drift between shutter events.
        flip: mirror every second picture.
    """
    varied, change = random_look(picture, generator, smallest=smallest_crop, flip=flip)
    return varied + drift * change

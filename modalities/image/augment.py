"""Varies a prepared image in training; called by `Image.augment`."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn


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
    share, down, right, change, coin = torch.rand(5, generator=generator).tolist()
    size = image.shape[-1]
    side = max(1, round(size * (smallest_crop + (1 - smallest_crop) * share)))
    top, left = round((size - side) * down), round((size - side) * right)
    crop = image[None, :, top : top + side, left : left + side]
    varied = nn.functional.interpolate(crop, size=(size, size), mode="bilinear", align_corners=False)[0]
    varied = varied * (1 + brightness * (2 * change - 1))
    return varied.flip(-1) if flip and coin < 0.5 else varied

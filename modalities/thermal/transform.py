"""Prepares a thermal sample for its tower; called by `Thermal.transform`."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

# Fixed, not per picture: the absolute temperature stays visible.
CENTRE_K = 293.15  # [1] ISO 1:2022, standard reference temperature, 20 degrees Celsius
SCALE_K = 20.0  # kelvin per unit: -20 to 60 degrees Celsius lie within -2..2
PERCENTILES = (1.0, 99.0)  # of a picture: one dead or burning pixel must not set its contrast
SMALLEST_SPAN = 1e-3  # kelvin or levels: a flat picture is 0, not amplified noise


def fixed_scale(*, radiometric: bool, bits: int) -> tuple[float, float]:
    """Centre of the fixed normalisation, and kelvin (or grey levels) per unit; levels come to -1..1."""
    middle = (2**bits - 1) / 2
    return (CENTRE_K, SCALE_K) if radiometric else (middle, middle)


def own_scale(picture: Float32[np.ndarray, "height width"]) -> tuple[float, float]:
    """Centre and scale that bring the coldest and warmest percent of this picture to -1 and 1."""
    cold, warm = np.percentile(picture, PERCENTILES)
    return float(cold + warm) / 2, max(float(warm - cold) / 2, SMALLEST_SPAN)


def to_tensor(
    sample: Float32[np.ndarray, "height width"], *, size: int, scale: tuple[float, float] | None
) -> Float[Tensor, "1 {size} {size}"]:
    """Cut out the central square, scale it to `size`, normalise.

    Args:
        sample: kelvin or grey levels.
        size: side of the result, pixels.
        scale: centre and unit; None for those of the square itself, whose tails are then cut at -1 and 1.
    """
    side = min(sample.shape)
    top, left = ((length - side) // 2 for length in sample.shape)
    cut = sample[top : top + side, left : left + side]
    centre, unit = own_scale(cut) if scale is None else scale
    square = torch.from_numpy((cut - np.float32(centre)) / np.float32(unit))[None, None]
    if scale is None:
        square = square.clamp(-1, 1)
    if side != size:
        square = nn.functional.interpolate(square, size=(size, size), mode="bilinear", antialias=True)
    return square[0]

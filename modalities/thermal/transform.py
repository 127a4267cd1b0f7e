"""Prepares a thermal sample for its tower; called by `Thermal.transform`."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

# Fixed, not per picture: the absolute temperature stays visible.
CENTRE_K = 293.15  # [1] ISO 1:2022, standard reference temperature, 20 degrees Celsius
SCALE_K = 20.0  # kelvin per unit: -20 to 60 degrees Celsius lie within -2..2
CENTRE_LEVEL = SCALE_LEVEL = 127.5  # grey levels 0..255 -> -1..1


def scale(radiometric: bool) -> float:
    """Kelvin (or grey levels) per unit of the tensor."""
    return SCALE_K if radiometric else SCALE_LEVEL


def to_tensor(
    sample: Float32[np.ndarray, "height width"], *, size: int, radiometric: bool
) -> Float[Tensor, "1 {size} {size}"]:
    """Cut out the central square, scale it to `size`, normalise."""
    side = min(sample.shape)
    top, left = ((length - side) // 2 for length in sample.shape)
    square = torch.from_numpy(sample[top : top + side, left : left + side].copy())[None, None]
    if side != size:
        square = nn.functional.interpolate(square, size=(size, size), mode="bilinear", antialias=True)
    centre = CENTRE_K if radiometric else CENTRE_LEVEL
    return (square[0] - centre) / scale(radiometric)

"""Shows image samples in reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import UInt8

from binder.display import Picture


def show_image(sample: UInt8[np.ndarray, "height width 3"]) -> Picture:
    """The picture itself."""
    return Picture(pixels=sample)


def synthesise_image(seed: int) -> UInt8[np.ndarray, "height width 3"]:
    """A coloured disc on a gradient, 80 x 96 pixels."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:80, 0:96]
    picture = np.stack([rows * chance.uniform(0.2, 2), columns * chance.uniform(0.2, 2), rows + columns], axis=-1)
    centre, radius = chance.uniform(20, 60, size=2), chance.uniform(8, 20)
    picture[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2] = chance.uniform(0, 255, size=3)
    return picture.clip(0, 255).astype(np.uint8)

"""Shows thermal samples in reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32

from binder.display import Picture, Scale


def show_thermal(sample: Float32[np.ndarray, "height width"], *, radiometric: bool) -> Picture:
    """Warmer is brighter: false colours for temperatures, grey for the levels of a camera that knows none."""
    scale = Scale(unit="K", colours="inferno") if radiometric else Scale(unit="grey level", colours="grey")
    return Picture(pixels=sample, scale=scale)


def synthesise_thermal(seed: int, *, radiometric: bool, bits: int) -> Float32[np.ndarray, "height width"]:
    """A warm blob before a cooler wall, 60 x 80 pixels."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:60, 0:80]
    centre, width = chance.uniform(15, 45, size=2), chance.uniform(4, 15)
    warmth = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / width**2)
    noise = 0.05 * chance.standard_normal(warmth.shape)
    if radiometric:
        wall, rise = chance.uniform(283, 298), chance.uniform(5, 40)
        return (wall + rise * warmth + noise).astype(np.float32)
    return ((60 + chance.uniform(50, 150) * warmth + noise) * 2.0 ** (bits - 8)).astype(np.float32)

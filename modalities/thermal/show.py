"""Draws thermal samples for reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32, UInt8

# Stops of an iron-like palette, dark to light, so that warmer is always brighter: position and RGB levels.
PALETTE_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
PALETTE = ((0, 0, 20), (90, 0, 130), (210, 50, 60), (250, 170, 20), (255, 255, 220))


def draw_thermal(sample: Float32[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """False colours between the coldest and the warmest pixel of this picture."""
    low, high = float(sample.min()), float(sample.max())
    warmth = (sample - low) / max(high - low, 1e-6)
    levels = [np.interp(warmth, PALETTE_AT, channel) for channel in zip(*PALETTE, strict=True)]
    return np.stack(levels, axis=-1).round().astype(np.uint8)


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

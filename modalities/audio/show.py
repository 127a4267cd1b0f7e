"""Shows sounds in reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32

from binder.display import Sound


def show_sound(sample: Float32[np.ndarray, "time 1"], *, rate_hz: int) -> Sound:
    """The part of the sound that the tower sees."""
    return Sound(waveform=sample[:, 0], rate_hz=float(rate_hz))


def synthesise_sound(seed: int, *, num_samples: int, rate_hz: int) -> Float32[np.ndarray, "time 1"]:
    """A decaying tone in noise."""
    chance = np.random.default_rng(seed)
    time = np.arange(num_samples) / rate_hz
    tone = np.sin(2 * np.pi * chance.uniform(100, rate_hz / 4) * time) * np.exp(-time * chance.uniform(1, 6))
    sound = chance.uniform(0.1, 0.8) * tone + 0.01 * chance.standard_normal(num_samples)
    return sound.astype(np.float32)[:, None]

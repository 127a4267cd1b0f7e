"""Draws sounds for reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32, UInt8

from modalities.audio.front_ends import FRONT_ENDS
from modalities.audio.transform import Pictures
from modalities.audio.windows import centre

DARKEST, BRIGHTEST = -2.0, 2.0  # in deviations of the log-mel picture
LONGEST_SECONDS = 30  # 3000 columns; of a longer sound the centre is drawn


def draw_spectrogram(
    sample: Float32[np.ndarray, "time 1"], *, rate_hz: int, num_mels: int
) -> UInt8[np.ndarray, "band frame 3"]:
    """The log-mel picture of the sound, low pitches at the bottom, one column per 10 ms, whatever the front end."""
    start, stop = centre(len(sample), LONGEST_SECONDS * rate_hz)
    pictures = Pictures(FRONT_ENDS["binder"], rate_hz=rate_hz, num_mels=num_mels, num_samples=stop - start, pad=False)
    mel = pictures.view(sample, "clip", 1)[0].numpy()[::-1]
    grey = (mel - DARKEST) / (BRIGHTEST - DARKEST) * 255
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def synthesise_sound(seed: int, *, num_samples: int, rate_hz: int) -> Float32[np.ndarray, "time 1"]:
    """A decaying tone in noise."""
    chance = np.random.default_rng(seed)
    time = np.arange(num_samples) / rate_hz
    tone = np.sin(2 * np.pi * chance.uniform(100, rate_hz / 4) * time) * np.exp(-time * chance.uniform(1, 6))
    sound = chance.uniform(0.1, 0.8) * tone + 0.01 * chance.standard_normal(num_samples)
    return sound.astype(np.float32)[:, None]

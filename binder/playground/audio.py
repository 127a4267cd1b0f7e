"""The microphone: one second of mono sound at 16 kHz, float32 (16000,) within -1..1.

Every recording opens with a tap that lets the body ring: its material sets partials and damping, its
size the pitch. Then the motion is heard: strikes, scraping, air or ticking at the motion's rate. The
microphone stands at arm's length from the body, so distance from the camera is not heard.
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import oaconvolve

from binder.playground.latents import Scene

RATE_HZ = 16000
SAMPLES = 16000
REFERENCE_SIZE_M = 0.26
SIZE_EXPONENT = -1.5  # between a bar of fixed proportions (-1) and a plate of fixed thickness (-2)


class Ring(NamedTuple):
    """How a body of the reference size rings when struck."""

    pitch_hz: float
    partials: tuple[float, ...]
    decay_s: float
    brightness: float  # level of each partial relative to the one before


RINGS = {
    "wood": Ring(420.0, (1.0, 2.57, 4.95), 0.045, 0.5),
    "steel": Ring(620.0, (1.0, 2.76, 5.40, 8.93), 0.45, 0.85),
    "glass": Ring(1250.0, (1.0, 2.32, 4.25), 0.22, 0.7),
    "rubber": Ring(110.0, (1.0, 2.0), 0.05, 0.25),
    "clay": Ring(720.0, (1.0, 1.68, 2.9, 4.1), 0.075, 0.8),
    "foam": Ring(200.0, (1.0, 3.1), 0.012, 0.4),
}


def render_audio(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Record: float32 (16000,)."""
    ring = _impulse_response(scene, rng)
    strikes = np.zeros(SAMPLES, np.float32)
    strikes[rng.integers(200, 1200)] = 1.0
    air = np.zeros(SAMPLES, np.float32)
    _MOTION_SOUNDS[scene.motion](scene, rng, strikes, air)
    sound = oaconvolve(strikes, ring)[:SAMPLES] + air
    sound *= rng.uniform(0.35, 0.8) / np.abs(sound).max()
    sound += rng.normal(0, rng.uniform(0.001, 0.004), SAMPLES)
    return np.clip(sound, -1, 1).astype(np.float32)


def _impulse_response(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    ring = RINGS[scene.material]
    time = np.arange(SAMPLES // 2, dtype=np.float32) / RATE_HZ
    pitch = ring.pitch_hz * (scene.size_m / REFERENCE_SIZE_M) ** SIZE_EXPONENT
    sound = np.zeros_like(time)
    for number, ratio in enumerate(ring.partials):
        frequency = pitch * ratio * rng.uniform(0.99, 1.01)
        if frequency < 0.45 * RATE_HZ:
            decay = ring.decay_s * rng.uniform(0.9, 1.1) / (1 + 0.5 * number)
            phase = np.float32(2 * np.pi * frequency) * time
            sound += ring.brightness**number * np.exp(-time / np.float32(decay)) * np.sin(phase)
    return sound


def _cycles(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Phase of the motion over the recording, in cycles; the recording is not triggered by the flash."""
    return rng.uniform(0, 1) + scene.rate_hz * np.arange(SAMPLES) / RATE_HZ


def _crossings(cycles: np.ndarray, per_cycle: float) -> np.ndarray:
    """Sample numbers at which another 1/per_cycle of a cycle is complete."""
    return np.flatnonzero(np.diff(np.floor(cycles * per_cycle)) > 0)


def _noise(rng: np.random.Generator, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise of a band, unit RMS."""
    spectrum = np.fft.rfft(rng.standard_normal(SAMPLES, np.float32))
    frequency = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    spectrum[(frequency < low_hz) | (frequency > high_hz)] = 0
    sound = np.fft.irfft(spectrum, SAMPLES).astype(np.float32)
    return sound / sound.std()


def _still(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """Nothing after the tap."""


def _bounce(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """A strike each time it lands."""
    hits = _crossings(_cycles(scene, rng), 1.0)
    strikes[hits] += rng.uniform(0.6, 0.9, len(hits))


def _slide(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """Scraping over the ground's ripples: many small strikes, and hiss, at six ripples a cycle."""
    ripple = 0.5 + 0.5 * np.sin(2 * np.pi * 6 * _cycles(scene, rng))
    strikes += (0.02 * rng.standard_normal(SAMPLES) * ripple).astype(np.float32)
    air += (0.12 * _noise(rng, 2500.0, 7000.0) * ripple).astype(np.float32)


def _swing(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """Low air noise, loudest at each pass through the middle: twice a cycle."""
    air += (0.35 * _noise(rng, 150.0, 700.0) * np.sin(2 * np.pi * _cycles(scene, rng)) ** 2).astype(np.float32)


def _spin(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """A bearing that ticks eight times a turn."""
    clicks = np.zeros(SAMPLES, np.float32)
    clicks[_crossings(_cycles(scene, rng), 8.0)] = 1
    tick = rng.standard_normal(80).astype(np.float32) * np.exp(-np.arange(80, dtype=np.float32) / 15)
    air += 0.35 * oaconvolve(clicks, tick)[:SAMPLES]


def _loop(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """A tone of the air whose pitch rises and falls once a turn (Doppler, exaggerated by the near wall)."""
    pitch = 1500 * (1 + 0.35 * np.sin(2 * np.pi * _cycles(scene, rng)))
    air += (0.22 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ)).astype(np.float32)


def _rock(scene: Scene, rng: np.random.Generator, strikes: np.ndarray, air: np.ndarray) -> None:
    """A dull knock of the stand at each end, a higher one on the left: two a cycle."""
    cycles = _cycles(scene, rng)
    time = np.arange(1600, dtype=np.float32) / RATE_HZ
    for offset, pitch in ((0.0, 75.0), (0.5, 130.0)):
        knocks = np.zeros(SAMPLES, np.float32)
        knocks[_crossings(cycles + offset, 1.0)] = 1
        knock = np.sin(2 * np.pi * pitch * time) * np.exp(-time / 0.03)
        air += 0.9 * oaconvolve(knocks, knock.astype(np.float32))[:SAMPLES]


_MOTION_SOUNDS = {
    "still": _still,
    "slide": _slide,
    "bounce": _bounce,
    "swing": _swing,
    "spin": _spin,
    "loop": _loop,
    "rock": _rock,
}

"""Where a body is at a time, and which pixels it covers: what the cameras and the IMU share.

The same `pose` moves the picture, the depth map, the heat and the accelerometer.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from binder.playground.latents import Scene

EXPOSURE_S = 0.2  # the shutter is open this long; a flash at its end (t = 0) freezes the last pose
SWING_RADIUS_M = 0.34
SWING_ANGLE, ROCK_ANGLE = 0.9, 0.6  # radians
RIPPLE_M = 0.0015  # unevenness of the ground under a sliding body
RIPPLES_PER_CYCLE = 6.0
PEG_RADIUS = 0.22  # in body radii


class Pose(NamedTuple):
    """Displacement to the right and upwards in metres, and counter-clockwise angle, per time."""

    right: np.ndarray
    up: np.ndarray
    angle: np.ndarray


def exposure_times(count: int) -> np.ndarray:
    """`count` instants of the exposure, the flash (t = 0) last."""
    return np.linspace(-EXPOSURE_S, 0.0, count)


def pose(scene: Scene, time_s: np.ndarray) -> Pose:
    """Where the body is, relative to standing on the ground at its place."""
    return _MOTIONS[scene.motion](scene, time_s, scene.rate_hz * time_s + scene.phase)


def _still(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    del scene, cycles
    zero = np.zeros_like(time_s)
    return Pose(zero, zero, zero)


def _slide(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    speed = 4 * scene.amplitude_m * scene.rate_hz  # as fast as an oscillation of this reach is on average
    right = scene.direction * speed * (time_s + EXPOSURE_S / 2)
    up = RIPPLE_M * np.sin(2 * np.pi * RIPPLES_PER_CYCLE * cycles)
    return Pose(right, up, np.zeros_like(time_s))


def _bounce(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    right = scene.direction * scene.amplitude_m * scene.rate_hz * (time_s + EXPOSURE_S / 2)
    return Pose(right, 2 * scene.amplitude_m * np.abs(np.sin(np.pi * cycles)), np.zeros_like(time_s))


def _swing(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    del time_s
    radius = SWING_RADIUS_M * scene.amplitude_m / 0.26
    angle = scene.direction * SWING_ANGLE * np.sin(2 * np.pi * cycles)
    return Pose(radius * np.sin(angle), radius * (1 - np.cos(angle)), angle)


def _spin(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    zero = np.zeros_like(time_s)
    return Pose(zero, zero, scene.direction * 2 * np.pi * cycles)


def _loop(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    angle = scene.direction * 2 * np.pi * cycles
    right, up = scene.amplitude_m * np.cos(angle), scene.amplitude_m * (1 + np.sin(angle))
    return Pose(right, up, np.zeros_like(time_s))


def _rock(scene: Scene, time_s: np.ndarray, cycles: np.ndarray) -> Pose:
    """Like a metronome: about a pivot below the body."""
    del time_s
    angle = scene.direction * ROCK_ANGLE * np.sin(2 * np.pi * cycles)
    return Pose(-scene.amplitude_m * np.sin(angle), -scene.amplitude_m * (1 - np.cos(angle)), angle)


_MOTIONS: dict[str, Callable[[Scene, np.ndarray, np.ndarray], Pose]] = {
    "still": _still,
    "slide": _slide,
    "bounce": _bounce,
    "swing": _swing,
    "spin": _spin,
    "loop": _loop,
    "rock": _rock,
}


class View(NamedTuple):
    """How a camera maps the plane of the body to pixels: scale, and where the resting centre lands."""

    pixels_per_m: float
    centre_column: float
    centre_row: float
    side: int


def body_frames(scene: Scene, view: View, place: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates in the body's own frame, in units of its radius: (time, row, column) each."""
    columns = np.arange(view.side, dtype=np.float32)
    scale = np.float32(1 / (view.pixels_per_m * scene.size_m))
    right = (columns - view.centre_column) * scale - (place.right / scene.size_m).astype(np.float32)[:, None]
    up = (view.centre_row - columns) * scale - (place.up / scene.size_m).astype(np.float32)[:, None]
    cosine = np.cos(place.angle).astype(np.float32)[:, None, None]
    sine = np.sin(place.angle).astype(np.float32)[:, None, None]
    right, up = right[:, None, :], up[:, :, None]
    return cosine * right + sine * up, cosine * up - sine * right


def inside(kind: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """How far inside the outline of `kind` a point is, in body radii: positive inside, negative outside.

    Args:
        kind: one of `OBJECTS`.
        u: rightwards in the body's frame, in radii.
        v: upwards.

    Every body has a peg on its upper rim that carries a lamp: without it, no camera could see a ball spin.
    """
    return np.maximum(_SHAPES[kind](u, v), _disc(u, v - 0.98, PEG_RADIUS))


def coverage(depth_inside: np.ndarray, radius_px: float) -> np.ndarray:
    """Share of a pixel that the body covers, from the distance to its outline."""
    return np.clip(depth_inside * np.float32(radius_px) + np.float32(0.5), 0, 1)


def _box(u: np.ndarray, v: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.minimum(half_width - np.abs(u), half_height - np.abs(v))


def _disc(u: np.ndarray, v: np.ndarray, radius: float) -> np.ndarray:
    return radius - np.sqrt(u * u + v * v)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    radius = np.sqrt(u * u + v * v)
    return 0.72 * (0.70 + 0.35 * np.cos(5 * np.arctan2(u, v)) - radius + 0.05)


_SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ball": lambda u, v: _disc(u, v, 0.95),
    "crate": lambda u, v: _box(u, v, 0.85, 0.85),
    "rod": lambda u, v: _box(u, v, 0.27, 1.0),
    "cone": lambda u, v: np.minimum(v + 0.85, 0.88 * (0.5 * (0.95 - v) - np.abs(u))),
    "ring": lambda u, v: 0.22 - np.abs(np.sqrt(u * u + v * v) - 0.76),
    "star": _star,
    "cross": lambda u, v: np.maximum(_box(u, v, 0.27, 0.95), _box(u, v, 0.95, 0.27)),
    "crescent": lambda u, v: np.minimum(_disc(u, v, 0.98), -_disc(u - 0.5, v, 0.80)),
    "bottle": lambda u, v: np.maximum(_box(u, v + 0.4, 0.52, 0.6), _box(u, v - 0.2, 0.20, 0.8)),
    "dumbbell": lambda u, v: np.maximum(_disc(np.abs(u) - 0.62, v, 0.40), _box(u, v, 0.6, 0.16)),
}

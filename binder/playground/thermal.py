"""The thermal camera: apparent temperature in centikelvin, uint16 (64, 64).

It is hand-held and zoomed to fill part of the frame with the body, so it cannot tell size or distance;
paint of unknown emissivity hides the material. Its bolometers follow with a delay: motion leaves a
warm (or cold) wake.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from binder.playground.geometry import Pose, View, body_frames, coverage, exposure_times, inside, pose
from binder.playground.latents import Scene

SIDE_PX = 64
FRAMES = 7
WAKE_WEIGHT = 0.6
NOISE_K = 0.4


def render_thermal(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Measure: uint16 (64, 64) in hundredths of a kelvin."""
    radius_px = rng.uniform(8, 12)  # the zoom frames the body, whatever its size and distance
    centre_row, centre_column = rng.uniform(34, 40), rng.uniform(28, 36)
    view = View(radius_px / scene.size_m, centre_column, centre_row, SIDE_PX)
    u, v = body_frames(scene, view, _as_framed(scene, pose(scene, exposure_times(FRAMES))))
    covered = coverage(inside(scene.object, u, v), radius_px)
    ambient = rng.uniform(289, 299) + rng.uniform(-2, 2) * np.linspace(-1, 1, SIDE_PX, dtype=np.float32)[:, None]
    body = _apparent_temperature(scene.temperature_k, ambient, emissivity=rng.uniform(0.80, 0.97))
    share = covered[-1]
    if scene.motion != "still":
        share = np.maximum(share, WAKE_WEIGHT * covered[:-1].mean(0) ** 0.5)
    kelvin = gaussian_filter(ambient + share * (body - ambient), 0.7)
    kelvin = kelvin + NOISE_K * rng.standard_normal(kelvin.shape, np.float32)
    return np.round(kelvin * 100).astype(np.uint16)


def _as_framed(scene: Scene, place: Pose) -> Pose:
    """Reach in proportion to the body: the operator steps back until the whole motion is in the frame."""
    scale = scene.size_m / 0.26
    return place._replace(right=place.right * scale, up=place.up * scale)


def _apparent_temperature(kelvin: float, ambient: np.ndarray, *, emissivity: float) -> np.ndarray:
    """What a camera set to emissivity 1 reads: own radiation plus the reflected surroundings (T^4 law)."""
    return (emissivity * kelvin**4 + (1 - emissivity) * ambient**4) ** 0.25

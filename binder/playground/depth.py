"""The depth camera beside the colour camera: millimetres, uint16 (64, 64), 0 where nothing returned.

A time-of-flight sensor averages over its exposure, so what moved leaves a trail of "flying pixels"
between body and background. It knows shape, size, distance and motion; colour and heat are nothing to it.
"""

import numpy as np

from binder.playground.camera import HORIZON_ROW, SIDE_PX, background_depth, camera_view, relief
from binder.playground.geometry import body_frames, coverage, exposure_times, inside, pose
from binder.playground.latents import Scene

FRAMES = 7
TRAIL_WEIGHT = 0.7  # of the returns before the last pose, against the background's
NOISE = 0.004  # standard deviation, as a share of the distance
HOLE_SHARE = 0.01


def render_depth(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Measure: uint16 (64, 64) in millimetres."""
    horizon_row = HORIZON_ROW + rng.uniform(-1.5, 1.5)
    view, _ = camera_view(scene, horizon_row)
    u, v = body_frames(scene, view, pose(scene, exposure_times(FRAMES)))
    depth_inside = inside(scene.object, u, v)
    covered = coverage(depth_inside, view.pixels_per_m * scene.size_m)
    metres = np.repeat(background_depth(horizon_row)[:, None], SIDE_PX, axis=1)
    trail = TRAIL_WEIGHT * covered[:-1].mean(0) ** 0.5
    if scene.motion != "still":
        metres += trail * np.minimum(scene.distance_m - metres, 0)
    surface = scene.distance_m - scene.size_m * relief(depth_inside[-1])
    metres = np.where(covered[-1] > 0.5, surface, metres)
    metres = metres * (1 + NOISE * rng.standard_normal(metres.shape, np.float32))
    metres[rng.random(metres.shape, np.float32) < HOLE_SHARE] = 0
    return np.round(metres * 1000).astype(np.uint16)

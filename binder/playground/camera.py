"""The scene as an upright camera sees it: shared by the colour camera and the depth camera beside it."""

import numpy as np

from binder.playground.geometry import View
from binder.playground.latents import Scene

SIDE_PX = 64
FOCAL_PX = 76.0  # a field of view of 46 degrees
CAMERA_HEIGHT_M = 0.75
HORIZON_ROW = 18.0
WALL_M = 4.2


def camera_view(scene: Scene, horizon_row: float) -> tuple[View, float]:
    """Scale and place of the body in the picture, and the row where it touches the ground."""
    scale = FOCAL_PX / scene.distance_m
    ground_row = horizon_row + scale * CAMERA_HEIGHT_M
    column = SIDE_PX / 2 + scene.lateral_m * scale
    return View(scale, column, ground_row - scene.size_m * scale, SIDE_PX), ground_row


def background_depth(horizon_row: float) -> np.ndarray:
    """Metres to the wall or the ground, per row."""
    below = np.maximum(np.arange(SIDE_PX, dtype=np.float32) - np.float32(horizon_row), 0.1)
    return np.minimum(FOCAL_PX * CAMERA_HEIGHT_M / below, WALL_M).astype(np.float32)


def relief(depth_inside: np.ndarray) -> np.ndarray:
    """Height of a rounded body above its silhouette, in radii, from the distance to the outline."""
    return np.sqrt(np.clip(depth_inside, 0, 0.6))

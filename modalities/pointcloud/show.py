"""Shows point clouds in reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32

from binder.display import Points


def show_points(sample: Float32[np.ndarray, "point channel"], *, up: int) -> Points:
    """The points, in their colours where they have some."""
    colours = sample[:, 3:] if sample.shape[1] == 6 else None
    return Points(places=sample[:, :3], unit="m", colours=colours, up=up)


def synthesise_points(seed: int, *, colour: bool) -> Float32[np.ndarray, "point channel"]:
    """Between 1100 and 1600 points on an ellipsoid that stands on a disc."""
    chance = np.random.default_rng(seed)
    directions = chance.normal(size=(chance.integers(700, 1000), 3))
    body = directions / np.linalg.norm(directions, axis=1, keepdims=True) * chance.uniform(0.3, 1.0, 3)
    count = chance.integers(400, 600)
    angle, radius = chance.uniform(0, 2 * np.pi, count), np.sqrt(chance.uniform(0, 1, count))
    disc = np.stack([radius * np.cos(angle), np.full(count, body[:, 1].min()), radius * np.sin(angle)], axis=1)
    places = np.concatenate([body, disc]) + chance.uniform(-2, 2, 3)
    if not colour:
        return places.astype(np.float32)
    shades = np.repeat(chance.uniform(0, 1, (2, 3)), [len(body), len(disc)], axis=0)
    return np.concatenate([places, shades], axis=1).astype(np.float32)

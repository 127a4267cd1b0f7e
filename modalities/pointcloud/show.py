"""Draws point clouds for reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import Float32, UInt8

SIDE, MARGIN = 192, 8  # pixels
NEAR, FAR = 40.0, 200.0  # grey levels of points without colour


def draw_points(sample: Float32[np.ndarray, "point channel"], *, up: int) -> UInt8[np.ndarray, "side side 3"]:
    """Project along the axis after `up`'s next: near points over far ones, in their colours or darker the nearer."""
    across, depth = (up + 2) % 3, (up + 1) % 3
    order = np.argsort(sample[:, depth], kind="stable")  # what comes last is drawn over the rest
    flat = sample[order][:, [across, up]]
    low, high = flat.min(axis=0), flat.max(axis=0)
    pixels = (flat - (low + high) / 2) * (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-12) + SIDE / 2
    columns, rows = pixels[:, 0].astype(int), SIDE - 1 - pixels[:, 1].astype(int)
    if sample.shape[1] == 6:
        colours = 255 * sample[order, 3:]
    else:
        colours = np.repeat(np.linspace(FAR, NEAR, len(sample))[:, None], 3, axis=1)
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a point is two pixels wide
        picture[rows - down, columns - right] = colours.round().astype(np.uint8)
    return picture


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

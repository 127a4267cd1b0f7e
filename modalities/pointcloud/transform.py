"""Prepare points for the encoder: where they lie and how large they are is taken out, and so many remain."""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

SEED = 0  # of random sampling: one cloud, one result


def transform_points(
    sample: Float32[np.ndarray, "point channel"], *, num_points: int, sampling: str
) -> Float[Tensor, "channel {num_points}"]:
    """Bring the cloud into the unit sphere, pick `num_points`, and bring colours from 0..1 to -1..1.

    A cloud of fewer points gives them again, which changes nothing for an encoder that takes the maximum
    over points.
    """
    points = to_unit_sphere(sample)
    picked = points[pick(points[:, :3], num_points, sampling)]
    picked[:, 3:] = 2 * picked[:, 3:] - 1
    return torch.from_numpy(picked.T.copy())


def to_unit_sphere(sample: Float32[np.ndarray, "point channel"]) -> Float32[np.ndarray, "point channel"]:
    """Put the mean place at the origin and the farthest point at distance 1; colours stay.

    As PointNet and its descendants prepare ModelNet40 (C. Qi et al., 2017, arXiv:1612.00593, section 5.1).
    """
    places = sample[:, :3].astype(np.float64)
    places -= places.mean(axis=0)
    places /= max(float(np.linalg.norm(places, axis=1).max()), 1e-12)
    return np.concatenate([places.astype(np.float32), sample[:, 3:]], axis=1)


def pick(places: Float32[np.ndarray, "point 3"], count: int, sampling: str) -> Int64[np.ndarray, " {count}"]:
    """Row numbers of `count` points; all of them, repeated in turn, where there are not so many."""
    if len(places) <= count:
        return np.arange(count) % len(places)
    if sampling == "random":
        return np.random.default_rng(SEED).choice(len(places), count, replace=False)
    return farthest(places, count)


def farthest(places: Float32[np.ndarray, "point 3"], count: int) -> Int64[np.ndarray, " {count}"]:
    """Pick the point farthest from the middle, then always the one farthest from all picked.

    C. Qi et al., 2017, PointNet++, arXiv:1706.02413, section 3.2. Which points are picked does not depend on
    the order in which they come.
    """
    picked = np.empty(count, np.int64)
    distance = np.full(len(places), np.inf, np.float32)
    nearest = int(np.square(places).sum(axis=1).argmax())
    for number in range(count):
        picked[number] = nearest
        offset = places - places[nearest]
        np.minimum(distance, np.einsum("ij,ij->i", offset, offset), out=distance)
        nearest = int(distance.argmax())
    return picked

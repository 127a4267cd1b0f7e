"""Vary prepared points: another view, build, scanner and density. Never mirrored."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import rotation, uniform


def augment_points(
    tensor: Float[Tensor, "channel point"],
    generator: Generator,
    *,
    up: int,
    turn_degrees: float,
    scale_jitter: float,
    shift: float,
    noise: float,
    drop: float,
) -> Float[Tensor, "channel point"]:
    """Turn about the upward axis, scale and move, add noise; points that are left out repeat the first one.

    Repeating a point is PointNet++'s way of dropping in tensors of one size (arXiv:1706.02413, section 3.3).
    """
    angle = math.radians(turn_degrees) * float(uniform(-1.0, 1.0, generator))
    scale = uniform(1 - scale_jitter, 1 + scale_jitter, generator, size=(3, 1))
    move = uniform(-shift, shift, generator, size=(3, 1))
    places = scale * (rotation(torch.eye(3)[up], angle) @ tensor[:3]) + move
    places = places + noise * torch.randn(places.shape, generator=generator)
    varied = torch.cat([places, tensor[3:]])
    dropped = torch.rand(tensor.shape[1], generator=generator) < uniform(0.0, drop, generator)
    return torch.where(dropped, varied[:, :1], varied)

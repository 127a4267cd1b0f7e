"""Vary a body: another stance towards the camera, build, pace and tracking noise. Never mirrored."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import read_at, rotation, time_path, uniform
from modalities.skeleton.transform import ALL, with_velocities

VERTICAL = torch.tensor([0.0, 1.0, 0.0])


def augment_skeleton(
    tensor: Float[Tensor, "feature time"],
    generator: Generator,
    *,
    num_joints: int,
    yaw_degrees: float,
    scale_jitter: float,
    time_crop: float,
    time_warp: float,
    noise: float,
) -> Float[Tensor, "feature time"]:
    """Vary the positions, then take velocities from what came out, so that both agree."""
    positions, known = tensor[: 3 * num_joints], tensor[6 * num_joints :]
    path = time_path(positions.shape[1], crop=time_crop, warp=time_warp, generator=generator)
    joints = read_at(positions, path).view(-1, 3, positions.shape[1])
    turn = rotation(VERTICAL, math.radians(yaw_degrees) * float(uniform(-1.0, 1.0, generator)))
    scale = uniform(1 - scale_jitter, 1 + scale_jitter, generator, size=(3, 1))
    joints = scale * (turn @ joints)
    # one offset per joint and recording: tracking errors last, they do not flicker
    joints = joints + noise * torch.randn((joints.shape[0], 3, 1), generator=generator)
    return with_velocities(joints.reshape(positions.shape), read_at(known, path) > ALL if len(known) else None)

"""Vary a transformed recording: another grip of the sensor, another tempo, another device."""

from itertools import permutations, product

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import read_at, small_rotation, time_path, uniform


def cube_rotations() -> Float[Tensor, "24 3 3"]:
    """The rotations that bring a cube onto itself: signed permutations of the axes, of determinant 1."""
    signed = (
        torch.diag(torch.tensor(signs)) @ torch.eye(3)[list(order)]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    )
    return torch.stack([matrix for matrix in signed if torch.linalg.det(matrix) > 0])


CUBE = cube_rotations()


def augment_imu(
    tensor: Float[Tensor, "*window row time"],
    generator: Generator,
    *,
    num_sensors: int,
    octahedral: bool,
    rotation_degrees: float,
    scale_jitter: float,
    time_crop: float,
    time_warp: float,
    noise: float,
) -> Float[Tensor, "*window row time"]:
    """Turn all sensors together, scale each, bend time, add noise; a validity row is kept.

    There is no mirroring: left and right, clockwise and counter-clockwise stay what they are.
    """
    values, valid = tensor[..., : 3 * num_sensors, :], tensor[..., 3 * num_sensors :, :]
    turn = small_rotation(rotation_degrees, generator)
    scale = uniform(1 - scale_jitter, 1 + scale_jitter, generator, size=(num_sensors, 1, 1))
    if octahedral:  # any of the ways in which a box-shaped device can be strapped on
        turn = turn @ CUBE[int(torch.randint(len(CUBE), (), generator=generator))]
    values = (scale * (turn @ values.unflatten(-2, (num_sensors, 3)))).flatten(-3, -2)
    if time_crop > 0 or time_warp > 0:
        path = time_path(values.shape[-1], crop=time_crop, warp=time_warp, generator=generator)
        values = read_at(values, path)
    noisy = values + noise * torch.randn(values.shape, generator=generator)
    if valid.shape[-2]:
        noisy = noisy * valid
    return torch.cat([noisy, valid], dim=-2)

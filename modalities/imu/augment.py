"""Vary a transformed recording: another grip of the sensor, another tempo, another device."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from binder.towers.vary import read_at, small_rotation, time_path, uniform


def augment_imu(
    tensor: Float[Tensor, "channel time"],
    generator: Generator,
    *,
    rotation_degrees: float,
    scale_jitter: float,
    time_crop: float,
    time_warp: float,
    noise: float,
) -> Float[Tensor, "channel time"]:
    """Turn both triads together, scale each, bend time, add noise; a validity channel is kept.

    There is no mirroring: left and right, clockwise and counter-clockwise stay what they are.
    """
    values, valid = tensor[:6], tensor[6:]
    turn = small_rotation(rotation_degrees, generator)
    scale = uniform(1 - scale_jitter, 1 + scale_jitter, generator, size=(2, 1, 1))
    values = (scale * (turn @ values.view(2, 3, -1))).reshape(6, -1)
    if time_crop > 0 or time_warp > 0:
        path = time_path(values.shape[1], crop=time_crop, warp=time_warp, generator=generator)
        values = read_at(values, path)
    noisy = values + noise * torch.randn(values.shape, generator=generator)
    if valid.shape[0]:
        noisy = noisy * valid
    return torch.cat([noisy, valid])

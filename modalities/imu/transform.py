"""Prepare a recording for the encoder: one length, values near 1, channels first."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

STANDARD_GRAVITY = 9.80665  # m/s^2; a resting sensor then reads 1
GYRO_UNIT = 3.0  # rad/s; about the spread of arm movements in UTD-MHAD, so both triads weigh alike


def transform_imu(
    sample: Float32[np.ndarray, "time 6"], *, length: int, policy: str
) -> Float[Tensor, "channel {length}"]:
    """Scale and bring to `length` steps.

    `stretch` interpolates the whole recording. `crop_or_pad` keeps the middle or pads the end with
    zeros, and adds a channel that is 1 where there was a sample: padding is never taken for rest.
    """
    values = torch.from_numpy(sample.T.copy())
    values = values / torch.tensor([STANDARD_GRAVITY] * 3 + [GYRO_UNIT] * 3)[:, None]
    if policy == "stretch":
        return stretch(values, length)
    start = max(0, (values.shape[1] - length) // 2)
    values = values[:, start : start + length]
    framed = torch.zeros(7, length)
    framed[:6, : values.shape[1]] = values
    framed[6, : values.shape[1]] = 1.0
    return framed


def stretch(values: Float[Tensor, "channel time"], length: int) -> Float[Tensor, "channel {length}"]:
    """Resample by linear interpolation from the first step to the last."""
    return torch.nn.functional.interpolate(values[None], size=length, mode="linear", align_corners=True)[0]

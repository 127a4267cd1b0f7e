"""Prepare a recording for the encoder: one length, values near 1, channels first."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from modalities.imu.read import STANDARD_GRAVITY

# What each sensor's values are divided by. A resting accelerometer then reads 1; 3 rad/s is about the spread of arm
# movements in UTD-MHAD, so both weigh alike.
SCALE = {"accel": STANDARD_GRAVITY, "gyro": 3.0}
# D. Anguita et al., 2013, "A Public Domain Dataset for Human Activity Recognition Using Smartphones", ESANN, section 3:
# gravity is what a Butterworth low-pass of this corner lets through.
GRAVITY_HZ = 0.3
GRAVITY_ORDER = 3


def transform_imu(
    sample: Float32[np.ndarray, "time channel"],
    *,
    sensors: Sequence[str],
    rate_hz: float,
    keep_gravity: bool,
    length: int,
    policy: str,
    windows: int,
) -> Float[Tensor, "*window row {length}"]:
    """Take gravity out if asked to, scale, and bring to `length` steps.

    `stretch` interpolates the whole recording. `crop_or_pad` keeps the middle or pads the end with zeros, and
    adds a row that is 1 where there was a sample: padding is never taken for rest. Several `windows` are spread
    evenly from the start to the end, and may overlap; they come stacked.
    """
    if not keep_gravity:
        sample = without_gravity(sample, 3 * list(sensors).index("accel"), rate_hz)
    values = (
        torch.from_numpy(sample.T.copy())
        / torch.tensor([SCALE[sensor] for sensor in sensors for _ in range(3)])[:, None]
    )
    if policy == "stretch":
        return stretch(values, length)
    surplus = max(0, values.shape[1] - length)
    if windows == 1:
        return frame(values, surplus // 2, length)
    starts = [surplus * number // (windows - 1) for number in range(windows)]
    return torch.stack([frame(values, start, length) for start in starts])


def without_gravity(
    sample: Float32[np.ndarray, "time channel"], first: int, rate_hz: float
) -> Float32[np.ndarray, "time channel"]:
    """Subtract from the three accelerations, which start at column `first`, what changes slower than `GRAVITY_HZ`.

    The filter runs both ways and so moves nothing in time; the ends are mirrored. In recordings shorter than
    about a period, 3.3 s, slow movement counts as gravity, too.
    """
    from scipy.signal import butter, sosfiltfilt

    acceleration = sample[:, first : first + 3].astype(np.float64)
    low_pass = butter(GRAVITY_ORDER, GRAVITY_HZ, fs=rate_hz, output="sos")
    pad = min(len(sample) - 1, round(rate_hz / GRAVITY_HZ))
    gravity = sosfiltfilt(low_pass, acceleration, axis=0, padtype="even", padlen=pad)
    moving = sample.copy()
    moving[:, first : first + 3] = acceleration - gravity
    return moving


def frame(values: Float[Tensor, "channel time"], start: int, length: int) -> Float[Tensor, "row {length}"]:
    """The window from `start`, padded at the end, and where it is not padding."""
    part = values[:, start : start + length]
    framed = torch.zeros(len(values) + 1, length)
    framed[:-1, : part.shape[1]] = part
    framed[-1, : part.shape[1]] = 1.0
    return framed


def stretch(values: Float[Tensor, "channel time"], length: int) -> Float[Tensor, "channel {length}"]:
    """Resample by linear interpolation from the first step to the last."""
    return torch.nn.functional.interpolate(values[None], size=length, mode="linear", align_corners=True)[0]

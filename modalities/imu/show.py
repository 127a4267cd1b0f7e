"""Shows recordings in reports: one curve an axis, each sensor in its unit."""

from collections.abc import Sequence

import numpy as np

from binder.display import Traces

UNITS = {"accel": "m/s²", "gyro": "rad/s"}


def show_recording(sample: np.ndarray, sensors: Sequence[str], *, rate_hz: float) -> Traces:
    """The columns of a sample by sensor and axis."""
    columns = [(sensor, axis) for sensor in sensors for axis in "xyz"]
    return Traces(
        values=sample,
        channels=tuple(f"{sensor} {axis}" for sensor, axis in columns),
        units=tuple(UNITS[sensor] for sensor, _ in columns),
        rate_hz=rate_hz,
    )

"""Six-axis inertial measurements: accelerometer and gyroscope of one body-worn or mounted sensor."""

from modalities.imu.spec import Imu

__all__ = ["Imu"]

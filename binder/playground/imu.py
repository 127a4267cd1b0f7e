"""The inertial sensor at the body's centre: float32 (400, 6), m/s^2 with gravity and rad/s, 200 Hz.

Specific force and angular velocity are derivatives of the pose that the cameras saw, turned into the
body's frame (x right, y up, z towards the camera). It knows how the body moves, and nothing else.
"""

import numpy as np

from binder.playground.geometry import pose
from binder.playground.latents import Scene

RATE_HZ = 200
DURATION_S = 2.0
GRAVITY = 9.80665  # m/s^2, standard gravity
ACCEL_LIMIT = 16 * GRAVITY  # a +-16 g part: it saturates
ACCEL_NOISE, GYRO_NOISE = 0.15, 0.02
ACCEL_BIAS, GYRO_BIAS = 0.15, 0.02


def render_imu(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Measure: float32 (400, 6), columns accel x y z, gyro x y z."""
    count, step = round(RATE_HZ * DURATION_S), 1 / RATE_HZ
    start = rng.uniform(-0.5, 0.5) / max(scene.rate_hz, 1.0)  # the recording is not triggered by the flash
    place = pose(scene, start + step * np.arange(-1, count + 1))
    right = np.diff(place.right, 2) / step**2
    up = np.diff(place.up, 2) / step**2 + GRAVITY
    spin = (place.angle[2:] - place.angle[:-2]) / (2 * step)
    angle = place.angle[1:-1]
    zero = np.zeros(count)
    accel = np.stack([np.cos(angle) * right + np.sin(angle) * up, np.cos(angle) * up - np.sin(angle) * right, zero])
    gyro = np.stack([zero, zero, spin])
    mount = _small_rotation(rng)
    accel, gyro = mount @ accel, mount @ gyro
    accel += rng.normal(0, ACCEL_BIAS, (3, 1)) + rng.normal(0, ACCEL_NOISE, accel.shape)
    gyro += rng.normal(0, GYRO_BIAS, (3, 1)) + rng.normal(0, GYRO_NOISE, gyro.shape)
    return np.concatenate([np.clip(accel, -ACCEL_LIMIT, ACCEL_LIMIT), gyro]).T.astype(np.float32)


def _small_rotation(rng: np.random.Generator) -> np.ndarray:
    """How crookedly the sensor was mounted: up to about ten degrees about a random axis (Rodrigues)."""
    x, y, z = rng.normal(0, 0.08, 3)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.sqrt(x * x + y * y + z * z)
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / 2 / np.pi) ** 2 * cross @ cross

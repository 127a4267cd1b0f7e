"""The modality `imu`: its options and contract; the work is done in the files beside this one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.imu.read import read_imu
from modalities.imu.show import draw_traces

if TYPE_CHECKING:
    import torch
    from torch import nn

CHANNELS = ("accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z")


@dataclass(frozen=True, kw_only=True)
class Imu(ModalitySpec):
    """Acceleration (gravity in it) and angular velocity at one rate.

    Attributes:
        rate_hz: samples per second that a recording must have.
        length: samples that the encoder gets.
        length_policy: `crop_or_pad` keeps the middle, or pads the end and marks it in a seventh
            channel; `stretch` resamples a whole recording to `length`.
        resample: bring a recording of another rate to `rate_hz` instead of refusing it.
        accel_range: largest acceleration allowed, m/s^2; 16 g is the widest range in common use.
        gyro_range: largest angular velocity allowed, rad/s; 2000 degrees/s likewise.
        rotation_degrees: augmentation turns the sensor by at most this angle.
        scale_jitter: augmentation scales each triad by at most this fraction.
        time_crop: augmentation cuts off at most this fraction (`stretch` only).
        time_warp: augmentation changes the pace by at most this fraction (`stretch` only).
        noise: standard deviation of the noise that augmentation adds, in transformed units.
    """

    name: ClassVar[str] = "imu"

    rate_hz: float = 200.0
    length: int = 400
    length_policy: Literal["crop_or_pad", "stretch"] = "crop_or_pad"
    resample: bool = False
    accel_range: float = 160.0
    gyro_range: float = 36.0
    rotation_degrees: float = 15.0
    scale_jitter: float = 0.1
    time_crop: float = 0.15
    time_warp: float = 0.4
    noise: float = 0.02

    def __post_init__(self) -> None:
        if self.length_policy not in ("crop_or_pad", "stretch"):
            raise ConfigError.explain(
                "unknown length_policy of imu", got=repr(self.length_policy), choices=("crop_or_pad", "stretch")
            )
        if self.rate_hz <= 0 or self.length < 8:
            raise ConfigError.explain(
                "imu window", got=f"rate_hz {self.rate_hz}, length {self.length}", expected="rate_hz > 0, length >= 8"
            )

    @property
    def contract(self) -> InputContract:
        limit = max(self.accel_range, self.gyro_range)  # read_imu holds each triad to its own range
        return InputContract(
            layout="time channel",
            unit="m/s^2, rad/s",
            value_range=(-limit, limit),
            channels=CHANNELS,
            rate_hz=self.rate_hz,
            min_length=2,
            length=LengthPolicy(kind=self.length_policy, length=self.length),
        )

    def read(self, source: Source) -> np.ndarray:
        return read_imu(
            source,
            rate_hz=self.rate_hz,
            resample=self.resample,
            accel_range=self.accel_range,
            gyro_range=self.gyro_range,
        )

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.imu.transform import transform_imu

        return transform_imu(sample, length=self.length, policy=self.length_policy)

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        from modalities.imu.augment import augment_imu

        stretched = self.length_policy == "stretch"
        return augment_imu(
            tensor,
            generator,
            rotation_degrees=self.rotation_degrees,
            scale_jitter=self.scale_jitter,
            time_crop=self.time_crop if stretched else 0.0,
            time_warp=self.time_warp if stretched else 0.0,
            noise=self.noise,
        )

    def encoder(self, **options: Any) -> "nn.Module":
        from modalities.imu.encoder import imu_encoder

        return imu_encoder(in_channels=6 if self.length_policy == "stretch" else 7, **options)

    def show(self, sample: np.ndarray) -> np.ndarray:
        return draw_traces(sample, accel_range=self.accel_range, gyro_range=self.gyro_range)

    def synthetic(self, seed: int) -> np.ndarray:
        """Two seconds of a sensor that swings around its z axis, with gravity and noise."""
        random = np.random.default_rng(seed)
        time = np.arange(max(2, round(2 * self.rate_hz))) / self.rate_hz
        frequency, swing = random.uniform(0.5, 2.0), random.uniform(0.2, 1.0)
        angle = swing * np.sin(2 * np.pi * frequency * time)
        speed = swing * 2 * np.pi * frequency * np.cos(2 * np.pi * frequency * time)
        sample = np.zeros((time.size, 6))
        sample[:, 0], sample[:, 1] = 9.81 * np.sin(angle), 9.81 * np.cos(angle)
        sample[:, 5] = speed
        return (sample + random.normal(0, 0.02, sample.shape)).astype(np.float32)

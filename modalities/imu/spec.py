"""The modality `imu`: its options and contract; the work is done in the files beside this one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from binder.display import Traces
from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.imu.read import STANDARD_GRAVITY, UNITS, read_imu, unit_factors
from modalities.imu.show import show_recording
from modalities.options import check_choices, check_ranges

if TYPE_CHECKING:
    import torch
    from torch import nn

Policy = Literal["crop_or_pad", "stretch"]
SLOWEST_HZ = 1.0  # below, gravity could not be told from movement


@dataclass(frozen=True, kw_only=True)
class Imu(ModalitySpec):
    """Acceleration and angular velocity at one rate.

    Attributes:
        sensors: `accel`, `gyro` or both, in the order of their channels.
        rate_hz: samples per second that a recording must have.
        resample: bring a recording of another rate to `rate_hz` instead of refusing it.
        accel_unit: of files that do not say it: `m/s^2`, `g` or `mg`.
        gyro_unit: of files that do not say it: `rad/s` or `deg/s`.
        accel_range: largest acceleration allowed, m/s^2; 16 g is the widest range in common use.
        gyro_range: largest angular velocity allowed, rad/s; 2000 degrees/s likewise.
        gravity: `keep` it in what the tower sees, or `remove` it by a filter.
        length: samples that the encoder gets.
        length_policy: `crop_or_pad` keeps the middle, or pads the end and marks it in one more row;
            `stretch` resamples a whole recording to `length`.
        windows: with `crop_or_pad`, how many windows of `length` are seen; their features are averaged.
        octahedral: augmentation turns the sensors by one of the 24 rotations of a cube.
        rotation_degrees: augmentation turns the sensors by at most this angle.
        scale_jitter: augmentation scales each sensor by at most this fraction.
        time_crop: augmentation cuts off at most this fraction (`stretch` only).
        time_warp: augmentation changes the pace by at most this fraction (`stretch` only).
        noise: standard deviation of the noise that augmentation adds, in transformed units.
    """

    name: ClassVar[str] = "imu"

    sensors: Sequence[str] = ("accel", "gyro")
    rate_hz: float = 200.0
    resample: bool = False
    accel_unit: str = "m/s^2"
    gyro_unit: str = "rad/s"
    accel_range: float = 160.0
    gyro_range: float = 36.0
    gravity: str = "keep"
    length: int = 400
    length_policy: Policy = "crop_or_pad"
    windows: int = 1
    octahedral: bool = False
    rotation_degrees: float = 15.0
    scale_jitter: float = 0.1
    time_crop: float = 0.15
    time_warp: float = 0.4
    noise: float = 0.02

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensors", tuple(self.sensors))  # a config gives a list
        check_choices(self, accel_unit=UNITS["accel"], gyro_unit=UNITS["gyro"], gravity=("keep", "remove"))
        check_choices(self, length_policy=get_args(Policy))
        if not self.sensors or not set(self.sensors) <= set(UNITS) or len(set(self.sensors)) < len(self.sensors):
            raise ConfigError.explain(
                "option sensors of imu",
                got=list(self.sensors),
                expected="a list, each at most once",
                choices=UNITS,
                fix="leave out other sensors (a magnetometer, say): no unit or range is known for them",
            )
        check_ranges(self, rate_hz=f">= {SLOWEST_HZ:g}", length=">= 8", windows=">= 1")
        if self.windows > 1 and self.length_policy == "stretch":
            raise ConfigError.explain("windows of a stretched recording", fix="set length_policy: crop_or_pad")
        if self.gravity == "remove" and "accel" not in self.sensors:
            raise ConfigError.explain("gravity without an accelerometer", got=self.sensors, fix="set gravity: keep")

    @property
    def in_parts(self) -> bool:
        return self.windows > 1

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the columns of a sample, three for each sensor."""
        return tuple(f"{sensor}_{axis}" for sensor in self.sensors for axis in "xyz")

    @property
    def _ranges(self) -> dict[str, float]:
        ranges = {"accel": self.accel_range, "gyro": self.gyro_range}
        return {sensor: ranges[sensor] for sensor in self.sensors}

    @property
    def _units(self) -> dict[str, str]:
        return {"accel": self.accel_unit, "gyro": self.gyro_unit}

    @property
    def contract(self) -> InputContract:
        limit = max(self._ranges.values())  # read_imu holds each sensor to its own range
        return InputContract(
            layout="time channel",
            unit=", ".join({"accel": "m/s^2", "gyro": "rad/s"}[sensor] for sensor in self.sensors),
            value_range=(-limit, limit),
            channels=self.channels,
            rate_hz=self.rate_hz,
            min_length=2,
            length=LengthPolicy(kind=self.length_policy, length=self.length),
        )

    def read(self, source: Source) -> np.ndarray:
        return read_imu(
            source,
            channels=self.channels,
            rate_hz=self.rate_hz,
            resample=self.resample,
            units=self._units,
            ranges=self._ranges,
        )

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.imu.transform import transform_imu

        return transform_imu(
            sample,
            sensors=self.sensors,
            rate_hz=self.rate_hz,
            keep_gravity=self.gravity == "keep",
            length=self.length,
            policy=self.length_policy,
            windows=self.windows,
        )

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        from modalities.imu.augment import augment_imu

        stretched = self.length_policy == "stretch"
        return augment_imu(
            tensor,
            generator,
            num_sensors=len(self.sensors),
            octahedral=self.octahedral,
            rotation_degrees=self.rotation_degrees,
            scale_jitter=self.scale_jitter,
            time_crop=self.time_crop if stretched else 0.0,
            time_warp=self.time_warp if stretched else 0.0,
            noise=self.noise,
        )

    def encoder(self, **options: Any) -> "nn.Module":
        from modalities.imu.encoder import imu_encoder

        rows = len(self.channels) + (self.length_policy == "crop_or_pad")  # and where there was a sample
        return imu_encoder(in_channels=rows, in_parts=self.in_parts, **options)

    def show(self, sample: np.ndarray) -> Traces:
        return show_recording(sample, self.sensors, rate_hz=self.rate_hz)

    def synthetic(self, seed: int) -> np.ndarray:
        """Two seconds of a sensor that swings around its z axis, with gravity and noise, in the declared units."""
        random = np.random.default_rng(seed)
        time = np.arange(max(2, round(2 * self.rate_hz))) / self.rate_hz
        frequency, swing = random.uniform(0.5, 2.0), random.uniform(0.2, 1.0)
        angle = swing * np.sin(2 * np.pi * frequency * time)
        speed = swing * 2 * np.pi * frequency * np.cos(2 * np.pi * frequency * time)
        pulls = {
            "accel": np.stack([np.sin(angle), np.cos(angle), 0 * angle], axis=1) * STANDARD_GRAVITY,
            "gyro": np.stack([0 * angle, 0 * angle, speed], axis=1),
        }
        sample = np.concatenate([pulls[sensor] for sensor in self.sensors], axis=1)
        noisy = sample + random.normal(0, 0.02, sample.shape)
        return (noisy / unit_factors(self.channels, self._units)).astype(np.float32)

"""The modality `pointcloud`: its options and contract; the work is done in the files beside this one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from binder.display import Points
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.options import check_choices, check_ranges
from modalities.pointcloud.read import read_points
from modalities.pointcloud.show import show_points, synthesise_points

if TYPE_CHECKING:
    import torch
    from torch import nn

AXES = ("x", "y", "z")


@dataclass(frozen=True, kw_only=True)
class PointCloud(ModalitySpec):
    """Points of a surface, (point, channel), in any order and any number; with or without colour.

    Attributes:
        colour: samples have red, green and blue beside their place; a file without colour is then an error, and
            colours of a file are left out where this is false.
        num_points: points that the encoder gets.
        sampling: how they are picked from more: `farthest` spreads them evenly over the surface, `random` is
            faster and keeps the density; fewer points are given again. Both give one cloud one result.
        range_m: largest coordinate allowed; the unit is taken for metres, but its scale does not matter.
        up_axis: what is upwards, `x`, `y` or `z`; for the picture and for turns.
        turn_degrees: augmentation turns the cloud about the upward axis by at most this angle.
        scale_jitter: augmentation scales each axis by at most this fraction.
        shift: augmentation moves the cloud by at most this, in radii.
        noise: standard deviation of the noise that augmentation adds to each coordinate, in radii.
        drop: augmentation leaves out at most this fraction of the points.
    """

    name: ClassVar[str] = "pointcloud"

    colour: bool = False
    num_points: int = 1024
    sampling: str = "farthest"
    range_m: float = 1e4
    up_axis: str = "y"
    turn_degrees: float = 15.0
    scale_jitter: float = 0.1
    shift: float = 0.05
    noise: float = 0.01
    drop: float = 0.3

    def __post_init__(self) -> None:
        check_choices(self, sampling=("farthest", "random"), up_axis=AXES)
        check_ranges(self, num_points=">= 1", range_m=">= 1", drop=">= 0, < 1")

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="point channel",
            unit="m, colour 0 to 1" if self.colour else "m",
            value_range=(-self.range_m, self.range_m),  # read_points knows that of colours
            channels=(*AXES, "red", "green", "blue") if self.colour else AXES,
            length=LengthPolicy(kind="any"),
        )

    def read(self, source: Source) -> np.ndarray:
        return read_points(source, colour=self.colour)

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.pointcloud.transform import transform_points

        return transform_points(sample, num_points=self.num_points, sampling=self.sampling)

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        from modalities.pointcloud.augment import augment_points

        return augment_points(
            tensor,
            generator,
            up=AXES.index(self.up_axis),
            turn_degrees=self.turn_degrees,
            scale_jitter=self.scale_jitter,
            shift=self.shift,
            noise=self.noise,
            drop=self.drop,
        )

    def encoder(self, **options: Any) -> "nn.Module":
        from modalities.pointcloud.encoder import PointNet

        return PointNet(len(self.contract.channels), **options)

    def show(self, sample: np.ndarray) -> Points:
        return show_points(sample, up=AXES.index(self.up_axis))

    def synthetic(self, seed: int) -> np.ndarray:
        return synthesise_points(seed, colour=self.colour)

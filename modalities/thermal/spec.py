"""The thermal modality: its options, its contract, and which function does what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Generator, Tensor, nn

from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.thermal import augment, encoder, read, show, transform


@dataclass(frozen=True, kw_only=True)
class Thermal(ModalitySpec):
    """Infrared cameras: temperature per pixel, or grey levels where the camera gives no temperature.

    Attributes:
        unit: unit of integer pixels ("centikelvin", "decikelvin", "kelvin"); float arrays are in kelvin.
        radiometric: False for 8-bit grey pictures, whose samples are levels 0 to 255 instead of kelvin.
        range_k: coldest and hottest temperature allowed, in kelvin.
        size: side of the square that `transform` returns, in pixels.
        smallest_crop: in training, the smallest side of the random crop, as a share of the side; 1 for none.
        drift_k: in training, the largest offset of the whole picture, in kelvin (or grey levels).
        flip: in training, mirror every second picture.
    """

    name: ClassVar[str] = "thermal"

    unit: str = "centikelvin"
    radiometric: bool = True
    range_k: Sequence[float] = (173.15, 1273.15)
    size: int = 64
    smallest_crop: float = 0.8
    drift_k: float = 0.5
    flip: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "range_k", tuple(map(float, self.range_k)))  # a config gives a list
        if self.unit not in read.KELVIN_PER:
            raise ValueError(f"expected unit in {tuple(read.KELVIN_PER)}")
        if len(self.range_k) != 2 or self.range_k[0] >= self.range_k[1]:
            raise ValueError("expected range_k: [coldest, hottest]")
        if self.size < 8 or not 0 < self.smallest_crop <= 1 or self.drift_k < 0:
            raise ValueError("expected size >= 8, 0 < smallest_crop <= 1, drift_k >= 0")

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="height width",
            unit="K" if self.radiometric else "grey level",
            value_range=(self.range_k[0], self.range_k[1]) if self.radiometric else (0.0, 255.0),
            length=LengthPolicy(kind="any"),
        )

    def read(self, source: Source) -> np.ndarray:
        return read.read_kelvin(source, self.unit) if self.radiometric else read.read_levels(source)

    def transform(self, sample: np.ndarray) -> Tensor:
        return transform.to_tensor(sample, size=self.size, radiometric=self.radiometric)

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        drift = self.drift_k / transform.scale(self.radiometric)
        return augment.vary_thermal(tensor, generator, smallest_crop=self.smallest_crop, drift=drift, flip=self.flip)

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.build_encoder(**options)

    def show(self, sample: np.ndarray) -> np.ndarray:
        return show.draw_thermal(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_thermal(seed, radiometric=self.radiometric)

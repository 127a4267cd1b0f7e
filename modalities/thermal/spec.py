"""The thermal modality: its options, its contract, and which function does what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Generator, Tensor, nn

from binder.display import Picture
from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.options import check_choices, check_ranges
from modalities.thermal import augment, encoder, read, show, transform


@dataclass(frozen=True, kw_only=True)
class Thermal(ModalitySpec):
    """Infrared cameras: temperature per pixel, or grey levels where the camera gives no temperature.

    Attributes:
        unit: unit of integer pixels ("centikelvin", "decikelvin", "kelvin"); float arrays are in kelvin.
        radiometric: False for grey pictures, whose samples are levels instead of kelvin.
        bits: of grey pictures: 8, or 14 or 16 for raw counts in 16-bit files.
        normalise: `fixed` keeps absolute warmth; `image` stretches each picture from its own coldest to its
            warmest percent, for cameras whose gain changes.
        range_k: coldest and hottest temperature allowed, in kelvin.
        size: side of the square that `transform` returns, in pixels.
        smallest_crop: in training, the smallest side of the random crop, as a share of the side; 1 for none.
        drift_k: in training, the largest offset of the whole picture, in kelvin (or grey levels); none with
            `normalise: image`, which has taken it out.
        flip: in training, mirror every second picture.
    """

    name: ClassVar[str] = "thermal"

    unit: str = "centikelvin"
    radiometric: bool = True
    bits: int = 8
    normalise: str = "fixed"
    range_k: Sequence[float] = (173.15, 1273.15)
    size: int = 64
    smallest_crop: float = 0.8
    drift_k: float = 0.5
    flip: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "range_k", tuple(map(float, self.range_k)))  # a config gives a list
        check_choices(self, unit=read.KELVIN_PER, bits=(8, 14, 16), normalise=("fixed", "image"))
        check_ranges(self, size=">= 8", smallest_crop="> 0, <= 1", drift_k=">= 0")
        if self.radiometric and self.bits != 8:
            raise ConfigError.explain(
                "option bits of thermal is for grey levels",
                got=f"bits {self.bits}",
                fix="set radiometric: false, or leave bits out",
            )
        if len(self.range_k) != 2 or self.range_k[0] >= self.range_k[1]:
            raise ConfigError.explain(
                "option range_k of thermal", got=self.range_k, expected="coldest and hottest, in kelvin"
            )

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="height width",
            unit="K" if self.radiometric else "grey level",
            value_range=(self.range_k[0], self.range_k[1]) if self.radiometric else (0.0, 2.0**self.bits - 1),
            length=LengthPolicy(kind="any"),
        )

    def read(self, source: Source) -> np.ndarray:
        if self.radiometric:
            return read.read_kelvin(source, self.unit)
        return read.read_levels(source, bits=self.bits)

    @property
    def _scale(self) -> tuple[float, float] | None:
        """Centre and unit of the normalisation; None where each picture has its own."""
        if self.normalise == "image":
            return None
        return transform.fixed_scale(radiometric=self.radiometric, bits=self.bits)

    def transform(self, sample: np.ndarray) -> Tensor:
        return transform.to_tensor(sample, size=self.size, scale=self._scale)

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        drift = 0.0 if self._scale is None else self.drift_k / self._scale[1]
        return augment.vary_thermal(tensor, generator, smallest_crop=self.smallest_crop, drift=drift, flip=self.flip)

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.build_encoder(**options)

    def show(self, sample: np.ndarray) -> Picture:
        return show.show_thermal(sample, radiometric=self.radiometric)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_thermal(seed, radiometric=self.radiometric, bits=self.bits)

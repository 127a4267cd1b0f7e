"""Echoes of a sonar: several pings, one intensity per range."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from binder import InputContract, LengthPolicy, ModalitySpec
from binder.errors import SampleError
from binder.modality import read_bytes
from binder.towers.blocks import TemporalConvNet


@dataclass(frozen=True, kw_only=True)
class Sonar(ModalitySpec):
    """float32 (ping, range) in decibels, from .npy files."""

    name: ClassVar[str] = "sonar"

    num_pings: int = 4
    num_ranges: int = 32
    noise_db: float = 1.0

    @property
    def contract(self):
        length = LengthPolicy(kind="exact", length=self.num_pings)
        return InputContract(layout="ping range", unit="dB", value_range=(-120.0, 40.0), length=length)

    def read(self, source):
        array = source if isinstance(source, np.ndarray) else _decode(source)
        if array.ndim == 2 and array.size and array.shape != (self.num_pings, self.num_ranges):
            raise SampleError.explain(
                "wrong size",
                got=array.shape,
                expected=(self.num_pings, self.num_ranges),
                fix="set num_pings, num_ranges",
            )
        return array.astype(np.float32) if array.dtype.kind in "iuf" else array

    def transform(self, sample):
        return torch.from_numpy(sample / 40 + 1)

    def augment(self, tensor, generator):
        return tensor + self.noise_db / 40 * torch.randn(tensor.shape, generator=generator)

    def encoder(self, **options):
        return TemporalConvNet(self.num_pings, **{"channels": (16, 32), **options})

    def synthetic(self, seed):
        chance = np.random.default_rng(seed)
        return echo(chance.uniform(4, 28), 2.0, chance, self.num_pings, self.num_ranges)


def echo(centre, width, chance, num_pings=4, num_ranges=32):
    """One target: a bump at `centre` that wanders from ping to ping."""
    ranges = np.arange(num_ranges)
    centres = centre + chance.normal(0, 0.5, (num_pings, 1))
    level = -80 + 60 * np.exp(-((ranges - centres) ** 2) / width**2)
    return (level + chance.normal(0, 3, level.shape)).astype(np.float32)


def _decode(source):
    import io

    try:
        array = np.load(io.BytesIO(read_bytes(source)), allow_pickle=False)
    except SampleError:
        raise
    except Exception as error:
        raise SampleError.explain("not a sonar recording", got=error, expected="a .npy file") from error
    if not isinstance(array, np.ndarray):
        raise SampleError.explain("an archive, not one array", expected="a .npy file")
    return array

"""A modality read from files that can be broken in every way, and a table with one row per way."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import InputContract, Sample, Source


@dataclass(frozen=True, kw_only=True)
class Radar(ModalitySpec):
    """Two channels at 100 Hz, kept as .npz with `values` and `rate_hz`; arrays are taken as they are."""

    name = "radar"
    rate_hz: float = 100.0

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="time channel", unit="V", value_range=(-1.0, 1.0), channels=("i", "q"), rate_hz=self.rate_hz
        )

    def read(self, source: Source) -> Sample:
        if isinstance(source, np.ndarray):
            return source
        assert isinstance(source, str | Path)
        with np.load(source, allow_pickle=False) as file:  # garbage: whatever numpy says
            values, rate = file["values"], float(file["rate_hz"])
        if rate != self.rate_hz:
            raise SampleError.explain(
                "wrong rate", got=f"{rate:g} Hz in {source}", expected=f"{self.rate_hz:g} Hz", fix="resample the file"
            )
        return values

    def transform(self, sample: Sample) -> torch.Tensor:
        assert isinstance(sample, np.ndarray)
        if len(sample) > 50:
            raise SampleError.explain("too long", got=len(sample), expected="at most 50 steps", fix="cut it")
        return torch.from_numpy(sample[:4].astype(np.float32))

    def encoder(self, **options: Any) -> nn.Module:
        raise NotImplementedError

    def synthetic(self, seed: int) -> Sample:
        return np.random.default_rng(seed).uniform(-1, 1, (6, 2)).astype(np.float32)


# What is wrong with each row -> what its error must say.
FAULTS = {
    "missing": ("file not found", "missing.npz"),
    "folder": ("a folder, not a file", "folder.npz"),
    "empty": ("empty file", "0 bytes"),
    "garbage": ("cannot be read", "Error"),
    "no_key": ("cannot be read", "KeyError"),
    "nan": ("not a number", "1 of 12 values"),
    "range": ("value out of range", "-1 to 1 V"),
    "rate": ("wrong rate", "48 Hz"),
    "channels": ("wrong number of channels", "3 channels"),
    "axes": ("wrong number of axes", "(12,)"),
    "short": ("empty or too short", "(0, 2)"),
    "long": ("too long", "at most 50"),
    "null": ("nothing in this row", "a radar"),
}


def write_radar(path: Path, seed: int = 0, **changes: Any) -> None:
    """A sound file, but for the `values` or `rate_hz` given."""
    np.savez(path, **{"values": Radar().synthetic(seed), "rate_hz": 100.0, **changes})


def write_broken_table(folder: Path) -> Path:
    """A JSONL table: two sound rows around one row for each fault; ids name the faults."""
    sound = Radar().synthetic(0)
    broken = sound.copy()
    broken[2, 1] = np.nan
    write_radar(folder / "first.npz")
    write_radar(folder / "last.npz", seed=1)
    (folder / "folder.npz").mkdir()
    (folder / "empty.npz").touch()
    (folder / "garbage.npz").write_bytes(b"\x93 this is no array")
    np.savez(folder / "no_key.npz", other=sound)
    write_radar(folder / "nan.npz", values=broken)
    write_radar(folder / "range.npz", values=sound * 9)
    write_radar(folder / "rate.npz", rate_hz=48.0)
    write_radar(folder / "channels.npz", values=np.zeros((4, 3), np.float32))
    write_radar(folder / "axes.npz", values=sound.reshape(-1))
    write_radar(folder / "short.npz", values=np.zeros((0, 2), np.float32))
    write_radar(folder / "long.npz", values=np.zeros((51, 2), np.float32))
    rows = [{"id": name, "radar": f"{name}.npz" if name != "null" else None} for name in ("first", *FAULTS, "last")]
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path

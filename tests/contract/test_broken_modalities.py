"""Every line of `check_modality` turns red: a sound modality is broken, one promise at a time; its line names it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from binder.check import check_modality
from binder.check.lines import CheckLine, require, run_checks
from binder.check.modality import CHECKS
from binder.display import Picture, Words
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.towers.blocks import TemporalConvNet
from binder.types import InputContract

LINES = [name for name, _ in CHECKS]


@dataclass(frozen=True, kw_only=True)
class Radar(ModalitySpec):
    """A sound modality; each test below breaks one promise of it."""

    name: ClassVar[str] = "radar"

    num_bins: int = 16

    @property
    def contract(self):
        return InputContract(layout="range", unit="dB", value_range=(-150.0, 50.0), min_length=self.num_bins)

    def read(self, source):
        if not isinstance(source, np.ndarray) or source.dtype.kind != "f":
            raise SampleError.explain("not a range profile", got=type(source).__name__)
        return source.astype(np.float32)

    def transform(self, sample):
        return torch.from_numpy(sample[None, : self.num_bins] / 50 + 1)

    def augment(self, tensor, generator):
        return tensor + 0.01 * torch.randn(tensor.shape, generator=generator)

    def encoder(self, **options):
        return TemporalConvNet(1, channels=(8,), **options)

    def synthetic(self, seed):
        return np.random.default_rng(seed).normal(-60, 10, self.num_bins).astype(np.float32)


def test_the_sound_modality_passes():
    assert failed_lines(Radar()) == []


def failed_lines(spec: ModalitySpec) -> list[CheckLine]:
    return [line for line in check_modality(spec) if not line.passed]


class Features(nn.Module):
    """Radar bins -> features, with one fault."""

    width = 8

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.linear = nn.Linear(16, 8)
        if fault == "norm":
            self.norm = nn.BatchNorm1d(8)
        if fault == "idle":
            self.forgotten = nn.Linear(8, 8)
        if fault == "width":
            self.width = 9

    def forward(self, x: Tensor) -> Tensor:
        features = self.linear(x[:, 0])
        if self.fault == "neighbours":
            return features - features.mean(0)
        if self.fault == "dice":
            return features + torch.rand(8)
        if self.fault == "elsewhere":
            return features + torch.ones(8, device="cpu")
        if self.fault == "double":
            return features.double().float() if features.dtype == torch.float32 else features * 0 - 1
        if self.fault == "nan":
            return features / 0.0
        return self.norm(features) if self.fault == "norm" else features


def _transform_in_place(self, sample):
    sample += 1
    return torch.from_numpy(sample[None] / 50)


def _augment_in_place(self, tensor, generator):
    return tensor.add_(torch.rand(1, generator=generator))


def _replace_bad(self, source):
    try:
        return SOUND_READ(self, source)
    except SampleError:
        return self.synthetic(0)


def _raise_other(self, source):
    if not isinstance(source, np.ndarray):
        raise KeyError(source)
    return SOUND_READ(self, source)


def _ragged(self, sample):
    return torch.from_numpy(sample[None, : 8 + int(abs(sample[0])) % 8])


def _unpack(self, source):
    """An archive is unpacked before anyone asks how large it is."""
    if isinstance(source, Path) and source.suffix == ".npz":
        try:
            dict(np.load(BytesIO(source.read_bytes())))
        except Exception as error:
            raise SampleError.explain("not a range profile") from error
    return SOUND_READ(self, source)


def _clean(self, source):
    if isinstance(source, np.ndarray) and source.shape == (16,) and source.dtype.kind == "f":
        return np.clip(np.nan_to_num(source), -150, 50).astype(np.float32)
    return SOUND_READ(self, source)


def _of_its_own_mind() -> nn.Module:
    encoder = Features("")
    encoder.linear.weight.data += torch.rand(1, generator=DICE)
    return encoder


DICE = torch.Generator().manual_seed(0)
SOUND_READ, SOUND_TRANSFORM = Radar.read, Radar.transform
FAULTS: list[tuple[str, str, Callable, str]] = [
    ("synthetic samples", "synthetic", lambda self, seed: np.full(16, -60, np.float32), "seeds 0 and 1"),
    ("synthetic samples", "synthetic", lambda self, seed: np.full(16, 99.0 + seed, np.float32), "out of range"),
    ("synthetic samples", "synthetic", lambda self, seed: np.random.rand(16).astype(np.float32), "same seed"),
    ("bad input: wrong magic", "read", _replace_bad, "garbage.bin: accepted"),
    ("bad input: wrong magic", "read", _raise_other, "KeyError instead of SampleError"),
    ("bad input: truncated", "read", _raise_other, "array.npy: KeyError"),
    ("bad input: absurd size", "read", _raise_other, "absurd.png: KeyError"),
    ("bad input: bomb", "read", _unpack, "bomb.npz: refused after taking 1"),
    ("bad input: NaN, infinite", "read", _clean, "NaN: accepted"),
    ("bad input: out of range", "read", _clean, "above the range: accepted"),
    ("transform", "transform", _transform_in_place, "changed in place"),
    ("transform", "transform", lambda self, s: SOUND_TRANSFORM(self, s) + torch.rand(1) * 0, "global random"),
    ("transform", "transform", lambda self, s: SOUND_TRANSFORM(self, s) + random.random(), "two calls differ"),
    ("transform", "transform", lambda self, s: SOUND_TRANSFORM(self, s).double(), "expected float32"),
    ("transform", "transform", lambda self, s: SOUND_TRANSFORM(self, s).log(), "NaN"),
    ("transform", "transform", _ragged, "expected one"),
    ("augment", "augment", _augment_in_place, "changed in place"),
    ("augment", "augment", lambda self, t, g: t + torch.rand(1), "global random"),
    ("augment", "augment", lambda self, t, g: t + np.random.rand(), "global random"),
    ("augment", "augment", lambda self, t, g: t + random.random(), "the same seed gave two results"),
    ("augment", "augment", lambda self, t, g: t[..., :-1], "expected torch.float32 (1, 16)"),
    ("augment", "augment", lambda self, t, g: t + 1, "every seed"),
    ("collate", "collate", lambda self, tensors: torch.stack(tensors[:-1]), "has 3 rows"),
    ("encoder", "encoder", lambda self: Features("norm"), "batch norm"),
    ("encoder", "encoder", lambda self: Features("width"), "width = 9"),
    ("encoder", "encoder", lambda self: Features("nan"), "NaN"),
    ("deterministic", "encoder", lambda self: Features("dice"), "two vectors"),
    ("deterministic", "encoder", lambda self: _of_its_own_mind(), "the weights differ"),
    ("unit norm", "encoder", lambda self: Features("nan"), "norms off by up to nan"),
    ("dtype and device", "encoder", lambda self: Features("elsewhere"), "meta"),
    ("dtype and device", "encoder", lambda self: Features("double"), "bfloat16 inside: cosine"),
    ("batch and padding", "encoder", lambda self: Features("neighbours"), "with their batch"),
    ("gradient", "encoder", lambda self: Features("idle"), "forgotten.weight, forgotten.bias"),
    ("hub drift", "encoder", lambda self: Features("idle"), "one step moved 4 of 6"),
    ("show", "show", lambda self, sample: np.zeros((4, 4)), "expected one of binder.display: Picture"),
    ("show", "show", lambda self, sample: Words(text=" "), "empty text"),
    ("show", "show", lambda self, sample: Picture(pixels=sample), "float32 (16,)"),
    ("options", "options", property(lambda self: {"bins": 16}), "unexpected keyword"),
    ("options", "reference", property(lambda self: "builtins:int"), "another object"),
    ("pickle", "__reduce__", lambda self: (int, ()), "AttributeError"),
]


@pytest.mark.parametrize(("line", "attribute", "fault", "detail"), FAULTS)
def test_a_broken_promise_fails_its_line(monkeypatch, line, attribute, fault, detail):
    monkeypatch.setattr(Radar, attribute, fault, raising=False)
    failed = {found.name: found.detail for found in failed_lines(Radar())}
    assert line in failed
    assert detail in failed[line]


BAD_INPUTS = [line for line in LINES if line.startswith("bad input")]


@pytest.mark.parametrize("line", BAD_INPUTS)
def test_a_modality_that_makes_samples_up_fails_every_kind_of_bad_input(monkeypatch, line):
    monkeypatch.setattr(Radar, "load", lambda self, source: self.synthetic(0))
    failed = {found.name: found.detail for found in failed_lines(Radar())}
    assert "accepted" in failed[line]


def test_every_line_has_been_seen_to_fail():
    """All but the throughput, which is a figure and no verdict."""
    assert {line for line, *_ in FAULTS} | set(BAD_INPUTS) == set(LINES) - {"throughput"}


def test_a_modality_that_does_not_vary_its_samples_says_so(monkeypatch):
    monkeypatch.setattr(Radar, "augment", ModalitySpec.augment)
    (line,) = [line for line in check_modality(Radar()) if line.name == "augment"]
    assert line.passed
    assert line.detail.startswith("identity")


def test_a_check_that_crashes_leaves_the_others_standing():
    def crash(subject: int) -> str:
        raise ZeroDivisionError("by zero")

    lines = run_checks(3, [("crash", crash), ("broken", partial(_refuse, text="too odd")), ("sound", str)])
    assert lines == [
        CheckLine(name="crash", passed=False, detail="ZeroDivisionError: by zero"),
        CheckLine(name="broken", passed=False, detail="too odd"),
        CheckLine(name="sound", passed=True, detail="3"),
    ]


def _refuse(subject: int, *, text: str) -> str:
    require(subject % 2 == 0, text)
    return "even"

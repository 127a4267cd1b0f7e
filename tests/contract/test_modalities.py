"""Every registered modality keeps every promise, and a broken one is caught by the line that names its fault."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from binder.check import check_modality
from binder.check.lines import CheckLine, require, run_checks
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.registry import MODALITIES, create_modality, modality_names
from binder.towers.blocks import TemporalConvNet
from binder.types import InputContract

BUILT_IN = ["audio", "depth", "image", "imu", "pointcloud", "skeleton", "text", "thermal", "video"]
LINES = [
    "synthetic samples",
    "bad inputs",
    "transform",
    "augment",
    "collate",
    "encoder",
    "unit norm",
    "batch invariance",
    "gradient",
    "hub untouched",
    "show",
    "options",
    "pickle",
]


def test_exactly_these_built_in_modalities_are_registered():
    shipped = sorted(point.name for point in entry_points(group=MODALITIES) if point.value.startswith("modalities."))
    assert shipped == BUILT_IN
    assert set(BUILT_IN) <= set(modality_names())


@pytest.mark.parametrize("name", BUILT_IN)
def test_modality_keeps_every_promise(name):
    lines = check_modality(create_modality(name))
    assert [line.name for line in lines] == LINES
    assert [line for line in lines if not line.passed] == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_readme_explains_every_option(name, root):
    readme = (root / "modalities" / name / "README.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line.startswith("| `")
    ]
    explained = {option.strip("` ") for cells in rows for option in cells[0].split(",")}
    assert set(create_modality(name).options) <= set(explained)


def test_padding_is_part_of_the_batch_check_for_text():
    (line,) = [line for line in check_modality(create_modality("text")) if line.name == "batch invariance"]
    assert "padded" in line.detail


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

    def show(self, sample):
        return f"strongest echo in bin {sample.argmax()}"

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


SOUND_READ, SOUND_TRANSFORM = Radar.read, Radar.transform
FAULTS: list[tuple[str, str, Callable, str]] = [
    ("synthetic samples", "synthetic", lambda self, seed: np.full(16, -60, np.float32), "seeds 0 and 1"),
    ("synthetic samples", "synthetic", lambda self, seed: np.full(16, 99.0 + seed, np.float32), "out of range"),
    ("synthetic samples", "synthetic", lambda self, seed: np.random.rand(16).astype(np.float32), "same seed"),
    ("bad inputs", "read", _replace_bad, "file of garbage: accepted"),
    ("bad inputs", "read", _raise_other, "KeyError instead of SampleError"),
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
    ("unit norm", "encoder", lambda self: Features("nan"), "norms off by up to nan"),
    ("batch invariance", "encoder", lambda self: Features("neighbours"), "with their batch"),
    ("gradient", "encoder", lambda self: Features("idle"), "forgotten.weight, forgotten.bias"),
    ("hub untouched", "encoder", lambda self: Features("idle"), "one step moved 4 of 6"),
    ("show", "show", lambda self, sample: np.zeros((4, 4)), "expected uint8"),
    ("show", "show", lambda self, sample: " ", "empty text"),
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


def test_every_line_has_been_seen_to_fail():
    assert {line for line, *_ in FAULTS} == set(LINES)


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

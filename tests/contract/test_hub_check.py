"""`check_hub` passes a sound hub, and a broken one is caught by the line that names its fault."""

import pytest
import torch
from torch import nn

from binder.check import check_hub, check_name
from binder.errors import ConfigError, RegistryError
from binder.hub.protocol import FrozenHub

LINES = ["vectors", "unit norm", "deterministic", "batch invariance", "foreign modality", "frozen", "reload"]


class LetterHub(FrozenHub):
    """Counts letters, then one matrix."""

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Linear(256, 8)
        super().__init__("letters:8", model, native=("text",), dim=8, preprocessing={})

    def _forward(self, modality, samples):
        counts = torch.zeros(len(samples), 256)
        for row, text in enumerate(samples):
            counts[row] = torch.bincount(torch.tensor(list(text.encode())), minlength=256)
        return self._model(counts)


SOUND = LetterHub._forward


def failed(hub) -> dict[str, str]:
    return {line.name: line.detail for line in check_hub(hub) if not line.passed}


def test_a_sound_hub_passes_every_line():
    lines = check_hub(LetterHub())
    assert [line.name for line in lines] == LINES
    assert failed(LetterHub()) == {}
    assert lines[-1].detail.startswith("not compared: RegistryError")  # no adapter has that scheme


def _embed_anything(self, modality, samples):
    return nn.functional.normalize(SOUND(self, modality, samples) if samples else torch.zeros(0, 8), dim=-1)


def _drift(self, modality, samples):
    self._model.bias.data += 0.001
    return SOUND(self, modality, samples)


FAULTS = [
    ("vectors", "_forward", lambda self, m, s: SOUND(self, m, s).sum() + torch.ones(len(s), 8), "one vector"),
    ("vectors", "embed", torch.inference_mode()(_embed_anything), "inference tensors"),
    ("vectors", "embed", lambda self, m, s: _embed_anything(self, m, s).double(), "got torch.float64"),
    ("unit norm", "embed", lambda self, m, s: 20 * _embed_anything(self, m, s), "norms off by up to 19"),
    ("deterministic", "_forward", lambda self, m, s: SOUND(self, m, s) + torch.rand(8), "two calls differ"),
    ("batch invariance", "_forward", lambda self, m, s: SOUND(self, m, s) * len(s) + 1, "with their batch"),
    ("foreign modality", "embed", lambda self, m, s: torch.ones(len(s), 8), "a foreign modality was embedded"),
    ("frozen", "_forward", _drift, "drifted"),
]


@pytest.mark.parametrize(("line", "attribute", "fault", "detail"), FAULTS)
def test_a_broken_hub_fails_its_line(monkeypatch, line, attribute, fault, detail):
    monkeypatch.setattr(LetterHub, attribute, fault)
    found = failed(LetterHub())
    assert line in found
    assert detail in found[line]


def test_a_hub_whose_weights_train_fails_the_frozen_line():
    hub = LetterHub()
    hub._model.requires_grad_(True)
    assert "not frozen" in failed(hub)["frozen"]


def test_check_name_tells_hubs_from_modalities(tmp_path, monkeypatch):
    monkeypatch.setattr("binder.check.open_hub", lambda name, precision: LetterHub())
    assert len(check_name("open_clip:any")) == len(LINES)
    assert len(check_name("thermal", picture=tmp_path / "thermal.png")) == 13
    assert (tmp_path / "thermal.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="as text"):
        check_name("text", picture=tmp_path / "text.png")
    with pytest.raises(ConfigError, match="no picture"):
        check_name("open_clip:no-such-model", picture=tmp_path / "hub.png")
    with pytest.raises(RegistryError, match="unknown modality"):
        check_name("smell")

"""`check_hub` passes a sound hub, and a broken one is caught by the line that names its fault."""

import pytest
import torch
from torch import nn

from binder.check import check_hub, check_name
from binder.check.hub import CHECKS
from binder.display import Picture
from binder.errors import ConfigError, RegistryError
from binder.extras import Extra
from binder.hub.describe import check_texts
from binder.hub.protocol import FrozenHub
from binder.registry import create_modality

LINES = [name for name, _ in CHECKS]


class LetterHub(FrozenHub):
    """Counts letters, then one matrix."""

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Linear(256, 8)
        super().__init__("letters:8", model, native=("text",), dim=8, preprocessing={})

    def _forward(self, modality, samples):
        counts = torch.zeros(len(samples), 256)
        for row, text in enumerate(check_texts(self.name, list(samples))):
            counts[row] = torch.bincount(torch.tensor(list(text.encode())), minlength=256)
        return self._model(counts)


SOUND = LetterHub._forward


def failed(hub) -> dict[str, str]:
    return {line.name: line.detail for line in check_hub(hub) if not line.passed}


def test_a_sound_hub_passes_every_line():
    lines = check_hub(LetterHub())
    assert [line.name for line in lines] == LINES
    assert failed(LetterHub()) == {}
    (reload,) = [line.detail for line in lines if line.name == "reload"]
    assert reload.startswith("not compared: RegistryError")  # no adapter has that scheme


def _embed_anything(self, modality, samples):
    return nn.functional.normalize(SOUND(self, modality, samples) if samples else torch.zeros(0, 8), dim=-1)


def _without_looking(self, modality, samples):
    return self._model(
        torch.stack([torch.bincount(torch.tensor(list(t.encode())), minlength=256) for t in samples]).float()
    )


def _drift(self, modality, samples):
    self._model.bias.data += 0.001
    return SOUND(self, modality, samples)


def _inference(self, modality, samples):
    with torch.inference_mode():
        return _embed_anything(self, modality, samples)


def _with_graph(self, modality, samples):
    return _embed_anything(self, modality, samples) * torch.ones(8, requires_grad=True)


def _makes_samples_up(self, modality):
    spec = create_modality("thermal")  # which has channels, ranges and numbers that may be NaN
    object.__setattr__(spec, "load", lambda source: spec.synthetic(0))
    return spec


FAULTS = [
    ("vectors", "_forward", lambda self, m, s: SOUND(self, m, s).sum() + torch.ones(len(s), 8), "one vector"),
    ("dtype and device", "embed", lambda self, m, s: _embed_anything(self, m, s).double(), "got torch.float64"),
    ("dtype and device", "to", lambda self, device: self, "was accepted"),
    ("gradient", "embed", _inference, "inference tensors"),
    ("gradient", "embed", _with_graph, "carry a gradient"),
    ("gradient", "embed", lambda self, m, s: torch.full((len(s), 8), torch.inf), "not finite"),
    ("unit norm", "embed", lambda self, m, s: 20 * _embed_anything(self, m, s), "norms off by up to 19"),
    ("deterministic", "_forward", lambda self, m, s: SOUND(self, m, s) + torch.rand(8), "two calls differ"),
    ("batch and padding", "_forward", lambda self, m, s: SOUND(self, m, s) * len(s) + 1, "with their batch"),
    ("foreign modality", "embed", lambda self, m, s: torch.ones(len(s), 8), "a foreign modality was embedded"),
    ("hub drift", "_forward", _drift, "drifted"),
    ("bad samples", "_forward", lambda self, m, s: torch.ones(len(s), 8), "array instead of a text: embedded"),
    ("bad samples", "_forward", _without_looking, "AttributeError instead of HubError"),
    *((line, "spec", _makes_samples_up, "accepted") for line in LINES if line.startswith("bad input")),
]


@pytest.mark.parametrize(("line", "attribute", "fault", "detail"), FAULTS)
def test_a_broken_hub_fails_its_line(monkeypatch, line, attribute, fault, detail):
    monkeypatch.setattr(LetterHub, attribute, fault)
    found = failed(LetterHub())
    assert line in found
    assert detail in found[line]


def test_a_hub_whose_weights_train_fails_the_drift_line():
    hub = LetterHub()
    hub._model.requires_grad_(True)
    assert "not frozen" in failed(hub)["hub drift"]


def test_every_line_has_been_seen_to_fail():
    """All but the throughput, a figure; reloading is broken in a test of its own."""
    assert {line for line, *_ in FAULTS} | {"reload"} == set(LINES) - {"throughput"}


def test_a_hub_that_is_another_when_loaded_again_fails_the_reload_line(monkeypatch):
    other = LetterHub()
    other._fingerprint = "another"
    monkeypatch.setattr("binder.check.hub.open_hub", lambda name: other)
    assert "expected" in failed(LetterHub())["reload"]


def test_a_plug_in_whose_packages_are_absent_is_not_checked_but_told(monkeypatch):
    absent = Extra(name="hub-binder[video]", missing=("av>=15",))
    monkeypatch.setattr("binder.check.extra_of", lambda group, name: absent if name in ("video", "timm") else None)
    for name in ("video", "timm:any"):
        with pytest.raises(ConfigError, match=r'not installed: av>=15[\s\S]*pip install "hub-binder\[video\]"'):
            check_name(name)


def test_check_name_tells_hubs_from_modalities(monkeypatch):
    monkeypatch.setattr("binder.check.open_hub", lambda name, precision: LetterHub())
    assert len(check_name("open_clip:any")) == len(LINES)
    shown = []
    assert len(check_name("thermal", show=shown.append)) == 27
    assert [type(display) for display in shown] == [Picture]
    with pytest.raises(ConfigError, match="no sample to show"):
        check_name("open_clip:no-such-model", show=shown.append)
    with pytest.raises(RegistryError, match="unknown modality"):
        check_name("smell")

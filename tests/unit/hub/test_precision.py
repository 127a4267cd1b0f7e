"""`auto` casts a hub only where hardware, size and vectors allow it; what runs is cached apart and watched."""

import logging

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import nn
from torch.nn.functional import cosine_similarity

from binder.data import PairTable
from binder.errors import ArtifactError, HubError
from binder.hub import FrozenHub, precision
from binder.hub.cache import HubCache, build_hub_cache
from binder.hub.column import embed_column
from binder.registry import create_modality

TEXT = create_modality("text")
TEXTS = ["a dog", "two dogs", "a street at night", "rain", "a dog"]


class CountHub(FrozenHub):
    """A frozen linear map of letter counts; `cancelling` makes of them a difference that bfloat16 cannot hold."""

    def __init__(self, *, cancelling: bool = False, placed: bool = True) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Linear(256, 16)
        super().__init__("count:1", model, native=("text",), dim=16, preprocessing={})
        self._cancelling, self._placed = cancelling, placed

    def _forward(self, modality, samples):
        counts = torch.stack([torch.bincount(torch.tensor([*one.encode()]), minlength=256).float() for one in samples])
        counts = self._place(counts) if self._placed else counts
        return self._model(counts + 64) - self._model(counts * 0 + 64) if self._cancelling else self._model(counts)


@pytest.fixture
def fast_bfloat16(monkeypatch):
    """A machine with matrix units for bfloat16, where small hubs gain by them too."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "MIN_PARAMETERS", 0)


def _table() -> PairTable:
    return PairTable.from_dataset(Dataset.from_dict({"text": TEXTS}))


def _dtype(hub) -> torch.dtype:
    return next(hub._model.parameters()).dtype


def test_auto_casts_where_the_hardware_gains_and_the_vectors_agree(fast_bfloat16):
    plain, hub = CountHub(), CountHub().ask_precision("auto")
    vectors = hub.embed("text", TEXTS)
    assert (hub.precision, _dtype(hub)) == ("bfloat16", torch.bfloat16)
    assert vectors.dtype == torch.float32 and not torch.equal(vectors, plain.embed("text", TEXTS))
    assert cosine_similarity(vectors, plain.embed("text", TEXTS)).min() >= precision.MIN_COSINE
    assert hub.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("options", "reason"), [({"cancelling": True}, "its cosine to float32 falls"), ({"placed": False}, "does not run")]
)
def test_auto_stays_in_float32_bit_for_bit_where_they_do_not_and_says_so_once(fast_bfloat16, caplog, options, reason):
    plain, hub = CountHub(**options), CountHub(**options).ask_precision("auto")
    with caplog.at_level(logging.WARNING, "binder.hub"):
        for _ in range(2):
            assert torch.equal(hub.embed("text", TEXTS), plain.embed("text", TEXTS))
    assert len(caplog.records) == 1 and reason in caplog.text
    assert (hub.precision, _dtype(hub)) == ("float32", torch.float32)
    hub.check_frozen()


def test_auto_leaves_small_hubs_and_plain_hardware_alone(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "binder.hub")
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    assert CountHub().ask_precision("auto").precision == "float32" and "weights are fewer than" in caplog.text
    monkeypatch.setattr(precision, "MIN_PARAMETERS", 0)
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    assert CountHub().ask_precision("auto").precision == "float32" and "no matrix units" in caplog.text


def test_a_cast_hub_is_still_watched(fast_bfloat16):
    hub = CountHub().ask_precision("bfloat16")
    hub.embed("text", TEXTS)
    hub.check_frozen()
    with torch.no_grad():
        next(hub._model.parameters()).add_(0.1)
    with pytest.raises(HubError, match="drifted"):
        hub.check_frozen()


def test_weights_that_changed_before_the_cast_are_noticed():
    hub = CountHub().ask_precision("bfloat16")
    with torch.no_grad():
        next(hub._model.parameters()).add_(0.1)
    with pytest.raises(HubError, match="drifted"):
        hub.embed("text", TEXTS)


def test_the_precision_is_final_once_it_is_used():
    hub = CountHub()
    hub.embed("text", TEXTS)
    with pytest.raises(HubError, match=r"computes in float32 already[\s\S]*open it anew"):
        hub.ask_precision("bfloat16")
    assert hub.ask_precision("auto").precision == "float32"


def test_a_hub_first_used_in_inference_mode_serves_training_too(fast_bfloat16):
    hub = CountHub().ask_precision("auto")
    with torch.inference_mode():
        hub.embed("text", TEXTS)
    assert hub.precision == "bfloat16" and not any(weight.is_inference() for weight in hub._model.parameters())
    tower = torch.randn(5, 16, requires_grad=True)
    (tower * hub.embed("text", TEXTS)).sum().backward()


def test_each_precision_has_a_cache_of_its_own_equal_to_the_live_hub(fast_bfloat16, tmp_path):
    table, folders = _table(), []
    for name in ("float32", "bfloat16", "auto"):
        cache = build_hub_cache(CountHub().ask_precision(name), table, "text", TEXT, tmp_path, batch_size=2)
        live = embed_column(CountHub().ask_precision(name), table, TEXT, batch_size=2)
        assert np.array_equal(cache.unique_vectors, live.unique_vectors)
        folders.append(cache.folder)
    assert folders[0] != folders[1] == folders[2]
    with pytest.raises(ArtifactError, match=r"another precision[\s\S]*bfloat16[\s\S]*float32"):
        HubCache.open(folders[1], CountHub(), table, TEXT)

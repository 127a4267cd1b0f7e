"""Spaces: saved = loaded, merged only over one hub, unit vectors out, mistakes explained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import Toy, ToyHub

from binder import space as space_module
from binder.errors import ArtifactError, BinderError, HubMismatchError, RegistryError, SampleError
from binder.hub.transform import TransformedHub, fit_hub_transform
from binder.registry import register_modality
from binder.space import Space
from binder.towers import Ledger, TowerCheckpoint, build_tower

TEXTS = ["red", "green", "blue"]


@register_modality
class Other(Toy):
    """A second modality with the same samples."""

    name = "other"


register_modality(Toy)


@pytest.fixture(autouse=True)
def toy_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`toy:SEED` opens a toy hub."""

    def open_toy(name: str, *, precision: str = "auto", **options: Any) -> ToyHub:
        return ToyHub(seed=int(name.removeprefix("toy:")), **options).ask_precision(precision)

    monkeypatch.setattr(space_module, "open_hub", open_toy)


def _checkpoint(hub: Any, spec: Toy | None = None, seed: int = 0) -> TowerCheckpoint:
    spec = spec or Toy()
    ledger = Ledger(
        modality=spec.name,
        edges=((spec.name, "text"),),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=(),
        items={name: () for name in ("role", "id", "group", "modality", "content")},
    )
    tower = build_tower(spec, hub.dim, seed=seed).eval()
    return TowerCheckpoint(tower=tower, ledger=ledger, encoder={}, head="linear", seed=seed)


def _samples(num: int = 7) -> list[np.ndarray]:
    return [Toy().synthetic(seed) for seed in range(num)]


def _save(folder: Path, hub: Any, *specs: Toy) -> Path:
    Space(hub, {spec.name: _checkpoint(hub, spec) for spec in specs}).save(folder)
    return folder


def test_encode_gives_unit_vectors_in_order_whatever_the_batch_size() -> None:
    hub = ToyHub()
    space = Space(hub, {"toy": _checkpoint(hub)})
    whole, single = (space.encode(batch_size=size, toy=_samples(), text=TEXTS) for size in (32, 1))
    for name, rows in (("toy", 7), ("text", 3)):
        assert whole[name].shape == (rows, 12) and whole[name].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(whole[name], axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(whole[name], single[name], atol=1e-6)
    assert space.similarity(whole["toy"], whole["text"]).shape == (7, 3)
    assert space.encode(toy=[])["toy"].shape == (0, 12)


def test_a_loaded_space_gives_the_vectors_of_the_saved_one(tmp_path: Path) -> None:
    hub = ToyHub()
    space = Space(hub, {"toy": _checkpoint(hub)})
    space.save(tmp_path / "space")
    loaded = Space.load(tmp_path / "space")
    assert np.array_equal(space.encode(toy=_samples())["toy"], loaded.encode(toy=_samples())["toy"])
    assert loaded.fingerprint == space.fingerprint


def test_a_hub_transform_is_part_of_the_space(tmp_path: Path) -> None:
    hub = ToyHub()
    whitened = TransformedHub(hub, fit_hub_transform("whiten", hub.embed("text", ["a", "bb", "ccc", "dddd"])))
    space = Space(whitened, {"toy": _checkpoint(whitened)})
    space.save(tmp_path / "space")
    loaded = Space.load(tmp_path / "space")
    assert loaded.fingerprint == space.fingerprint != hub.fingerprint
    assert np.array_equal(space.encode(text=TEXTS)["text"], loaded.encode(text=TEXTS)["text"])
    with pytest.raises(HubMismatchError, match="toy tower belongs to another hub"):
        space.__class__(hub, {"toy": _checkpoint(whitened)})


def test_towers_trained_apart_merge_if_their_hubs_are_equal(tmp_path: Path) -> None:
    a, b = _save(tmp_path / "a", ToyHub(), Toy()), _save(tmp_path / "b", ToyHub(), Other())
    assert Space.load(a, b).modalities == ("text", "toy", "other")


def test_spaces_of_different_hubs_are_refused(tmp_path: Path) -> None:
    a, b = _save(tmp_path / "a", ToyHub(seed=0), Toy()), _save(tmp_path / "b", ToyHub(seed=1), Other())
    with pytest.raises(HubMismatchError, match="belongs to another hub") as caught:
        Space.load(a, b)
    assert "toy:1" in str(caught.value) and "toy:0" in str(caught.value)


def test_a_hub_whose_weights_changed_since_saving_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _save(tmp_path / "a", ToyHub(), Toy())
    monkeypatch.setattr(space_module, "open_hub", lambda name, precision: ToyHub(seed=7))
    with pytest.raises(HubMismatchError):
        Space.load(folder)


def test_one_modality_can_not_be_bound_twice(tmp_path: Path) -> None:
    a, b = _save(tmp_path / "a", ToyHub(), Toy()), _save(tmp_path / "b", ToyHub(), Toy())
    with pytest.raises(RegistryError, match="already embeds 'toy'"):
        Space.load(a, b)


def test_mistakes_in_encode_are_explained() -> None:
    hub = ToyHub()
    space = Space(hub, {"toy": _checkpoint(hub)})
    with pytest.raises(RegistryError, match="does not embed 'radar'"):
        space.encode(radar=["x"])
    with pytest.raises(BinderError, match="takes a list"):
        space.encode(text="red")
    with pytest.raises(SampleError, match=r"toy\[1\]: not a number"):
        space.encode(toy=[_samples()[0], np.full((8, 2), np.nan)])


def test_a_folder_without_a_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no complete space here"):
        Space.load(tmp_path)
    with pytest.raises(ArtifactError, match="no space to load"):
        Space.load()


def test_the_hub_stays_frozen_through_encoding() -> None:
    hub = ToyHub()
    Space(hub).encode(text=TEXTS)
    hub.check_frozen()
    with torch.no_grad():
        next(hub._model.parameters()).add_(1e-3)
    with pytest.raises(BinderError, match="has drifted"):
        hub.check_frozen()

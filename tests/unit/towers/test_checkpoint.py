"""Towers give unit vectors, and come back from disk as they were saved, or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from toys import Toy, ToyEncoder

from binder.errors import ArtifactError, RegistryError
from binder.registry import register_modality
from binder.storage import hash_file
from binder.towers import Ledger, Tower, TowerCheckpoint, build_tower, load_tower, save_tower

register_modality(Toy)


def _ledger() -> Ledger:
    items = {
        "role": ("train", "validation"),
        "id": ("a", "b"),
        "group": ("g", "h"),
        "modality": ("toy", "text"),
        "content": ("1", "2"),
    }
    return Ledger(
        modality="toy",
        edges=(("toy", "text"),),
        hub="toy:0",
        hub_fingerprint="abc",
        table_fingerprints=("t",),
        items=items,
        licences=("MIT",),
    )


def _checkpoint(**changes: object) -> TowerCheckpoint:
    facts: dict[str, object] = {
        "tower": build_tower(Toy(limit=50.0), 12, encoder={"width": 24}, head="mlp", seed=4).eval(),
        "ledger": _ledger(),
        "encoder": {"width": 24},
        "head": "mlp",
        "seed": 4,
        "centre": np.arange(12, dtype=np.float32),
        "facts": {"best_epoch": 3},
    }
    return TowerCheckpoint(**{**facts, **changes})


def _batch() -> torch.Tensor:
    return torch.stack([Toy().transform(Toy().synthetic(seed)) for seed in range(5)])


def test_saved_and_loaded_towers_give_the_same_vectors(tmp_path: Path) -> None:
    checkpoint = _checkpoint()
    save_tower(checkpoint, tmp_path / "tower")
    loaded = load_tower(tmp_path / "tower")
    assert torch.equal(loaded.tower(_batch()), checkpoint.tower(_batch()))
    assert loaded.spec == Toy(limit=50.0)
    assert loaded.ledger == checkpoint.ledger
    assert loaded.centre is not None and np.array_equal(loaded.centre, np.arange(12))
    assert (loaded.head, loaded.seed, loaded.facts) == ("mlp", 4, {"best_epoch": 3})


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    save_tower(_checkpoint(), tmp_path / "tower")
    kinds = sorted(path.suffix for path in (tmp_path / "tower").iterdir())
    assert kinds == [".json", ".json", ".json", ".parquet", ".safetensors", ".safetensors"]


def test_vectors_have_unit_norm_in_float32() -> None:
    vectors = build_tower(Toy(), 12, seed=0)(_batch())
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(5), rtol=0, atol=1e-6)
    assert vectors.dtype == torch.float32


def test_the_untrained_twin_has_the_initial_weights() -> None:
    tower = build_tower(Toy(), 12, seed=9)
    checkpoint = _checkpoint(tower=build_tower(Toy(), 12, seed=9), encoder={}, head="linear", seed=9)
    with torch.no_grad():
        for weight in checkpoint.tower.parameters():
            weight.add_(1.0)
    twin = checkpoint.untrained()
    assert all(torch.equal(a, b) for a, b in zip(tower.parameters(), twin.parameters(), strict=True))


def test_a_fingerprint_outlives_the_disk_and_changes_with_a_weight_an_option_or_the_encoder(tmp_path: Path) -> None:
    checkpoint = _checkpoint()
    save_tower(checkpoint, tmp_path / "tower")
    assert load_tower(tmp_path / "tower").fingerprint == checkpoint.fingerprint
    assert json.loads((tmp_path / "tower" / "tower.json").read_text())["fingerprint"] == checkpoint.fingerprint
    others = [replace(checkpoint, encoder={**checkpoint.encoder, "dropout": 0.5})]
    for spec, change in ((Toy(limit=49.0), 0.0), (checkpoint.spec, 1e-6)):
        tower = build_tower(spec, 12, encoder=checkpoint.encoder, head=checkpoint.head)
        tower.load_state_dict(checkpoint.tower.state_dict())
        with torch.no_grad():
            next(tower.parameters()).add_(change)
        others.append(replace(checkpoint, tower=tower))
    found = {checkpoint.fingerprint, *(other.fingerprint for other in others)}
    assert len(found) == 4


def test_building_a_tower_leaves_the_callers_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_tower(Toy(), 12, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    save_tower(_checkpoint(), tmp_path / "tower")
    path = tmp_path / "tower" / "tower.safetensors"
    weights = load_file(path)
    weights["head.extra.weight"] = weights.pop("head.2.bias")
    save_file(weights, path)
    manifest = json.loads((tmp_path / "tower" / "manifest.json").read_text())
    manifest["files"]["tower.safetensors"] = {"bytes": path.stat().st_size, "hash": hash_file(path)}
    (tmp_path / "tower" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"head\.2\.bias absent"):
        load_tower(tmp_path / "tower")


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    save_tower(_checkpoint(), tmp_path / "tower")
    path = tmp_path / "tower" / "tower.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="missing or changed"):
        load_tower(tmp_path / "tower")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save_tower(_checkpoint(), tmp_path / "tower")
    path = tmp_path / "tower" / "tower.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ArtifactError, match="missing or changed"):
        load_tower(tmp_path / "tower")


def test_an_encoder_is_found_by_reference_and_its_mistakes_are_explained() -> None:
    assert isinstance(build_tower(Toy(), 4, encoder={"name": "toys:ToyEncoder", "width": 8}).encoder, ToyEncoder)
    with pytest.raises(RegistryError, match="refuses its options"):
        build_tower(Toy(), 4, encoder={"depth": 8})
    with pytest.raises(RegistryError, match=r"refuses its options[\s\S]*choices:  width"):
        build_tower(Toy(), 4, encoder={"name": "toys:ToyEncoder", "depth": 8})
    with pytest.raises(RegistryError, match=r"no such encoder for toy[\s\S]*choices:  default, hub-copy, raw"):
        build_tower(Toy(), 4, encoder={"name": "resnet50"})
    with pytest.raises(RegistryError, match="cannot import"):
        build_tower(Toy(), 4, encoder={"name": "toys:Nothing"})
    with pytest.raises(RegistryError, match="without a width"):
        Tower(Toy(), torch.nn.Linear(2, 2), 4)

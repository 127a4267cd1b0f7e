"""Encoders of timm and transformers give what the library gives, at any shape, and again from a checkpoint alone."""

import shutil
from pathlib import Path

import pytest
import timm
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.towers import Ledger, TowerCheckpoint, build_tower, load_tower, save_tower
from binder.types import Batch

DIM = 16
# vectors of a few units' length; float32 sums in another order
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
VIT = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
HTSAT = {"patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]}
SPEECH = {
    "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_layers": 1,
    "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "vocab_size": 99, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip


def _batch(spec: ModalitySpec, count: int = 2) -> Batch:
    return spec.collate([spec.transform(spec.load(spec.synthetic(seed))) for seed in range(count)])


def _seeded(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _checkpoint(tower, encoder) -> TowerCheckpoint:
    ledger = Ledger(
        modality=tower.spec.name, edges=((tower.spec.name, "image"),), hub="h", hub_fingerprint="f",
        table_fingerprints=(), items={name: () for name in ("role", "id", "group", "modality", "content")},
    )  # fmt: skip
    return TowerCheckpoint(tower=tower, ledger=ledger, encoder=encoder, head="linear", seed=0)


def _same_from_disk(tower, encoder, folder: Path) -> TowerCheckpoint:
    """Save, load with every download forbidden, compare; the tower is in evaluation mode afterwards."""
    expected = tower.eval()(_batch(tower.spec))
    save_tower(_checkpoint(tower, encoder), folder)
    loaded = load_tower(folder)
    assert torch.equal(loaded.tower(_batch(tower.spec)), expected)
    assert loaded.fingerprint == _checkpoint(tower, encoder).fingerprint
    return loaded


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # its environment variable is read once


@pytest.mark.parametrize("model", ["test_vit", "test_convnext", "test_resnet"])
def test_timm_gives_its_own_features_at_the_size_of_the_samples(model, tmp_path):
    spec = create_modality("image", size=160)
    encoder = {"name": f"timm:{model}"}
    tower = build_tower(spec, DIM, encoder=encoder, seed=3)
    by_hand = timm.create_model(model, num_classes=0).eval()
    by_hand.load_state_dict(tower.encoder.network.state_dict())
    batch = _batch(spec)
    with torch.no_grad():
        torch.testing.assert_close(tower.eval().encoder(batch), by_hand(batch), **TOLERANCE)
    assert tower.encoder.width == by_hand.num_features
    again = build_tower(spec, DIM, encoder=encoder, seed=3).eval()
    other = build_tower(spec, DIM, encoder=encoder, seed=4).eval()
    assert torch.equal(again(batch), tower(batch)) and not torch.equal(other(batch), tower(batch))
    assert _same_from_disk(tower, encoder, tmp_path / "tower").tower.origin is None


@pytest.mark.parametrize("model", ["test_vit", "test_efficientnet"])
def test_timm_takes_any_channels_size_and_ratio(model, tmp_path):
    spec = create_modality("audio", seconds=1.3)  # (1, 64, 131): one channel, not square, not whole patches
    encoder = {"name": f"timm:{model}"}
    tower = build_tower(spec, DIM, encoder=encoder)
    vectors = tower.eval()(_batch(spec))
    assert vectors.shape == (2, DIM) and (vectors[0] - vectors[1]).norm() > 1e-6
    _same_from_disk(tower, encoder, tmp_path / "tower")


@pytest.fixture(scope="module")
def timm_folder(tmp_path_factory) -> Path:
    from timm.models import save_for_hf

    folder = tmp_path_factory.mktemp("timm") / "vit"
    model = _seeded(lambda: timm.create_model("test_vit"))
    save_for_hf(model, folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA card.\n")
    return folder


def test_timm_weights_from_a_directory_or_a_file_and_where_they_came_from(timm_folder, tmp_path):
    spec, thermal = create_modality("image", size=160), create_modality("thermal", size=160)
    model = timm.create_model(f"local-dir:{timm_folder}", pretrained=True, num_classes=0).eval()
    moved = tmp_path / "moved"
    shutil.copytree(timm_folder, moved)
    for encoder in (
        {"name": f"timm:{moved}"},
        {"name": "timm:test_vit", "pretrained": str(moved / "model.safetensors")},
    ):
        tower = build_tower(spec, DIM, encoder=encoder)
        with torch.no_grad():
            torch.testing.assert_close(tower.eval().encoder(_batch(spec)), model(_batch(spec)), **TOLERANCE)
        assert tower.origin["weights"].endswith("model.safetensors") and len(tower.origin["hash"]) == 32
        grey = build_tower(thermal, DIM, encoder=encoder).eval()
        picture = _batch(thermal)
        with torch.no_grad():  # the sum of the RGB kernels sees the grey picture
            torch.testing.assert_close(grey.encoder(picture), model(picture.expand(-1, 3, -1, -1)), **TOLERANCE)
    assert build_tower(spec, DIM, encoder={"name": f"timm:{moved}"}).origin["licence"] == "apache-2.0"
    encoder = {"name": f"timm:{moved}"}
    tower = build_tower(spec, DIM, encoder=encoder)
    expected = tower.eval()(_batch(spec))
    save_tower(_checkpoint(tower, encoder), tmp_path / "tower")
    shutil.rmtree(moved)
    loaded = load_tower(tmp_path / "tower")
    assert torch.equal(loaded.tower(_batch(spec)), expected) and loaded.tower.origin == tower.origin
    with pytest.raises(RegistryError, match="cannot build encoder"):
        loaded.untrained()
    shutil.copytree(timm_folder, moved)
    loaded.untrained()
    weights = load_file(moved / "model.safetensors")
    save_file({name: 2 * weight for name, weight in weights.items()}, moved / "model.safetensors")
    with pytest.raises(RegistryError, match=r"first weights of the image tower are others now[\s\S]*hash"):
        loaded.untrained()


def test_timm_never_fills_missing_weights_with_random_ones(timm_folder, tmp_path):
    weights = load_file(timm_folder / "model.safetensors")
    del weights["blocks.0.attn.qkv.weight"]
    save_file(weights, tmp_path / "part.safetensors")
    torch.save(weights, tmp_path / "part.pth")
    spec = create_modality("image", size=160)
    with pytest.raises(RegistryError, match=r"cannot build encoder timm:test_vit[\s\S]*qkv"):
        build_tower(spec, DIM, encoder={"name": "timm:test_vit", "pretrained": str(tmp_path / "part.safetensors")})
    with pytest.raises(RegistryError, match="existing file of safetensors"):
        build_tower(spec, DIM, encoder={"name": "timm:test_vit", "pretrained": str(tmp_path / "part.pth")})


def test_what_timm_does_not_know_or_cannot_take_is_refused():
    spec = create_modality("image")
    with pytest.raises(RegistryError, match=r"timm:no_such_net[\s\S]*no_such_net"):
        build_tower(spec, DIM, encoder={"name": "timm:no_such_net"})
    with pytest.raises(RegistryError, match="colour"):
        build_tower(spec, DIM, encoder={"name": "timm:test_vit", "colour": 3})
    with pytest.raises(RegistryError, match="imu does not look like an image"):
        build_tower(create_modality("imu"), DIM, encoder={"name": "timm:test_vit"})
    with pytest.raises(RegistryError, match="audio of one size"):
        build_tower(create_modality("audio", length="any"), DIM, encoder={"name": "timm:test_vit"})


def test_batch_neighbours_leave_a_vector_alone_in_training_too():
    spec = create_modality("thermal", size=64)
    tower = build_tower(spec, DIM, encoder={"name": "timm:test_resnet"})
    batch = _batch(spec)
    expected = tower.eval()(batch)
    tower.train()
    torch.testing.assert_close(torch.cat([tower(batch[:1]), tower(batch[1:])]), expected, **TOLERANCE)
    tower(batch).sum().backward()
    norms = [module for module in tower.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and all(norm.weight.grad is not None for norm in norms)


def _library_model(kind: str, config: dict) -> tuple[nn.Module, dict]:
    """A small model by the library's own hand, and what the encoder's options for it are."""
    settings = transformers.AutoConfig.for_model(kind, **config)
    return _seeded(lambda: transformers.AutoModel.from_config(settings)).eval(), config


CASES = {
    "vit": ("image", {"size": 32}, {**VIT}, lambda model, x: model(x).pooler_output),
    "dinov2": ("image", {"size": 32}, {**VIT}, lambda model, x: model(x).pooler_output),
    "convnext": (
        "image", {"size": 32}, {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        lambda model, x: model(x).pooler_output,
    ),
    "clip_vision_model": ("image", {"size": 32}, {**VIT}, lambda model, x: model(x).pooler_output),
    "audio-spectrogram-transformer": (
        "audio", {}, {**VIT, "patch_size": 16}, lambda model, x: model(x[:, 0].transpose(1, 2)).pooler_output,
    ),
    "whisper": (
        "audio", {"seconds": 0.99}, SPEECH, lambda model, x: model.encoder(x[:, 0]).last_hidden_state.mean(1),
    ),
    "clap": (
        "audio", {}, {"audio_config": HTSAT, "text_config": {**VIT, "vocab_size": 99}},
        lambda model, x: model.audio_model(x.transpose(2, 3)).pooler_output,
    ),
    "videomae": (
        "depth", {"size": 32, "num_frames": 4}, VIT,
        lambda model, x: model(x.transpose(1, 2)).last_hidden_state.mean(1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_transformers_gives_the_pooled_output_of_the_model(kind, tmp_path):
    modality, options, config, by_hand = CASES[kind]
    spec = create_modality(modality, **options)
    encoder = {"name": f"transformers:{kind}", "config": config}
    tower = build_tower(spec, DIM, encoder=encoder, seed=1).eval()
    batch = _batch(spec)
    architecture = tower.encoder.architecture["config"]
    settings = transformers.AutoConfig.for_model(architecture["model_type"], **{
        key: value for key, value in architecture.items() if key != "model_type"
    })  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = transformers.AutoModel.from_config(settings).eval()
    target = {"whisper": "encoder", "clap": "audio_model"}.get(kind)
    (getattr(model, target) if target else model).load_state_dict(tower.encoder.network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(tower.encoder(batch), by_hand(model, batch), **TOLERANCE)
    _same_from_disk(tower, encoder, tmp_path / "tower")


def test_transformers_from_a_directory_takes_one_channel_and_another_size(tmp_path):
    model, _ = _library_model("vit", {**VIT, "image_size": 32})
    model.save_pretrained(tmp_path / "vit")
    (tmp_path / "vit" / "README.md").write_text("---\nlicense: mit\n---\n")
    spec = create_modality("thermal", size=48)
    encoder = {"name": f"transformers:{tmp_path / 'vit'}"}
    tower = build_tower(spec, DIM, encoder=encoder).eval()
    batch = _batch(spec)
    with torch.no_grad():
        expected = model(batch.expand(-1, 3, -1, -1), interpolate_pos_encoding=True)
        torch.testing.assert_close(tower.encoder(batch), expected.pooler_output, **TOLERANCE)
        first = build_tower(spec, DIM, encoder={**encoder, "pool": "first"}).eval()
        torch.testing.assert_close(first.encoder(batch), expected.last_hidden_state[:, 0], **TOLERANCE)
    assert tower.origin["licence"] == "mit" and len(tower.origin["hash"]) == 32
    shutil.rmtree(tmp_path / "vit")
    assert _same_from_disk(tower, encoder, tmp_path / "tower").tower.origin == tower.origin


def test_a_clip_has_the_mean_features_of_its_frames():
    spec = create_modality("depth", size=32, num_frames=3)
    for name in ("timm:test_convnext", "transformers:vit"):
        options = {"config": VIT} if name.startswith("transformers") else {}
        tower = build_tower(spec, DIM, encoder={"name": name, **options}).eval()
        clip = _batch(spec)
        frames = torch.stack([tower.encoder(clip[:, :, step]) for step in range(3)])
        torch.testing.assert_close(tower.encoder(clip), frames.mean(0), **TOLERANCE)


def test_transformers_refuses_random_weights_texts_and_foreign_shapes(tmp_path):
    model, _ = _library_model("vit", {**VIT, "image_size": 32})
    spec = create_modality("image", size=32)
    model.save_pretrained(tmp_path / "vit")
    weights = load_file(tmp_path / "vit" / "model.safetensors")
    headless = {key: value for key, value in weights.items() if not key.startswith("pooler")}
    save_file(headless, tmp_path / "vit" / "model.safetensors", {"format": "pt"})
    encoder = {"name": f"transformers:{tmp_path / 'vit'}"}
    with pytest.raises(RegistryError, match=r"weights are missing[\s\S]*pooler[\s\S]*pool: first"):
        build_tower(spec, DIM, encoder=encoder)
    assert build_tower(spec, DIM, encoder={**encoder, "pool": "mean"}).encoder.width == 32
    with pytest.raises(RegistryError, match=r"pool.*last"):
        build_tower(spec, DIM, encoder={**encoder, "pool": "last"})
    bert = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    with pytest.raises(RegistryError, match="reads tokens"):
        build_tower(spec, DIM, encoder={"name": "transformers:bert", "config": bert})
    with pytest.raises(RegistryError, match=r"samples of shape \(3, 32, 32\)"):
        build_tower(spec, DIM, encoder={"name": "transformers:whisper", "config": SPEECH})
    with pytest.raises(RegistryError, match="cannot build encoder transformers:no/such"):
        build_tower(spec, DIM, encoder={"name": "transformers:no/such"})

"""An imported CLAP gives what transformers gives for the same weights, from either layout."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch.nn.functional import normalize

from binder.errors import ArtifactError
from binder.importers import import_layout
from binder.space import Space

TOLERANCE = {"atol": 1e-4, "rtol": 0.0}
TEXTS = ["a dog barks", "rain"]
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *(chr(code) for code in range(ord("a"), ord("z") + 1)), "Ġ"]


def _model(fusion: bool) -> transformers.ClapModel:
    audio = {
        "patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 2, 1, 1], "num_attention_heads": [1, 1, 2, 2],
        "projection_dim": 16, "enable_fusion": fusion, "fusion_type": "aff_2d" if fusion else None,
    }  # fmt: skip
    text = {
        "vocab_size": len(WORDS), "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1,
        "intermediate_size": 48, "max_position_embeddings": 40, "projection_dim": 16, "layer_norm_eps": 1e-5,
    }  # fmt: skip
    config = transformers.ClapConfig(audio_config=audio, text_config=text, projection_dim=16)
    generator = torch.Generator().manual_seed(0)
    model = transformers.ClapModel(config).eval()
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():  # no default survives, so that none can hide
            drawn = 0.2 * torch.randn(weight.shape, generator=generator)
            positive = name.endswith(("running_var", "norm.weight", "LayerNorm.weight")) or "layernorm" in name
            weight.copy_(1 + 0.3 * drawn if positive else drawn)
    return model


def _tokenizer(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Other", "model_max_length": 32}))
    return folder


def _laion(model: transformers.ClapModel) -> dict[str, torch.Tensor]:
    """The same weights by LAION's names, with all that a release holds beside them."""
    state, parts = {}, {}
    for name, weight in model.state_dict().items():
        name = name.replace("text_model.", "text_branch.")
        name = re.sub(r"_projection\.linear(\d)", lambda found: f"_projection.{2 * int(found[1]) - 2}", name)
        if name.startswith("audio_model.audio_encoder."):
            name = name.replace("audio_model.audio_encoder.", "audio_branch.").replace("batch_norm.", "bn0.")
            name = name.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2")
            name = name.replace("attention.output.dense", "attn.proj").replace("intermediate.dense", "mlp.fc1")
            name = re.sub(r"(blocks\.\d+)\.output\.dense", r"\1.mlp.fc2", name)
            name = name.replace("attention.self.relative", "attn.relative")
            if found := re.fullmatch(r"(.*)attention\.self\.(query|key|value)\.(weight|bias)", name):
                parts.setdefault(f"{found[1]}attn.qkv.{found[3]}", {})[found[2]] = weight
                continue
        state[name] = weight
    state |= {name: torch.cat([part["query"], part["key"], part["value"]]) for name, part in parts.items()}
    for unused in ("head.weight", "tscam_conv.bias", "logmel_extractor.melW", "layers.1.blocks.1.attn_mask"):
        state[f"audio_branch.{unused}"] = torch.ones(2)
    state["text_branch.embeddings.position_ids"] = torch.arange(40)[None]
    state |= {f"{kind}_transform.sequential.0.weight": torch.ones(2) for kind in ("audio", "text")}
    return {f"module.{name}": weight for name, weight in state.items()}


def _sound(hub, seconds: float) -> np.ndarray:
    rate = int(hub.spec("audio").contract.rate_hz)
    return np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate), 1)).astype(np.float32)


def _agrees(folder: Path, model: transformers.ClapModel, sounds: list[float]) -> Space:
    space = Space.load(folder)
    hub = space.hub
    extract = transformers.ClapFeatureExtractor.from_pretrained(folder.parent / "hub")
    samples = [_sound(hub, seconds) for seconds in sounds]
    waves = extract([sample[:, 0] for sample in samples], sampling_rate=48_000, return_tensors="pt")
    # the extractor fuses one short sound of a batch, by chance; LAION fuses none when it evaluates
    waves["is_longer"] = torch.zeros(len(samples), 1, dtype=torch.bool)
    tokens = transformers.AutoTokenizer.from_pretrained(folder.parent / "hub")(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        audio = model.get_audio_features(**waves).pooler_output
        text = model.get_text_features(**tokens).pooler_output
    torch.testing.assert_close(hub.embed("audio", samples), normalize(audio, dim=-1), **TOLERANCE)
    torch.testing.assert_close(hub.embed("text", TEXTS), normalize(text, dim=-1), **TOLERANCE)
    return space


@pytest.mark.parametrize("fusion", [False, True])
def test_laions_layout(fusion, tmp_path):
    model = _model(fusion)
    checkpoint = tmp_path / "630k.pt"
    torch.save({"epoch": 45, "name": "clap", "state_dict": _laion(model)}, checkpoint)
    tokenizer = _tokenizer(tmp_path / "roberta")
    with pytest.raises(ArtifactError, match=r"brings no tokenizer[\s\S]*text.tokenizer=FOLDER"):
        import_layout("clap", checkpoint, tmp_path / "out")
    imported = import_layout("clap", checkpoint, tmp_path / "out", [f"text.tokenizer={tokenizer}"])
    checkpoint.unlink()
    space = _agrees(imported.folder, model, [10.0, 3.0])
    assert set(space.hub.native) == {"audio", "text"} and space.towers == {} and space.hub.licence == "cc0-1.0"


def test_what_is_no_clap_is_said_before_a_tokenizer_is_asked_for(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "other.pt")
    with pytest.raises(ArtifactError, match=r"not of the layout[\s\S]*no weight audio_branch\.patch_embed"):
        import_layout("clap", tmp_path / "other.pt", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match=r"no CLAP here[\s\S]*holds nothing\n  expected: config.json[\s\S]*fix:"):
        import_layout("clap", tmp_path / "empty", tmp_path / "out")


def test_transformers_layout_with_a_pickle_becomes_safetensors(tmp_path):
    model = _model(fusion=False)
    folder = _tokenizer(tmp_path / "in")
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    transformers.ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50).save_pretrained(folder)
    imported = import_layout("clap", folder, tmp_path / "out")
    _agrees(imported.folder, model, [10.0])
    assert sorted(path.name for path in (tmp_path / "out" / "hub").glob("*model*")) == ["model.safetensors"]
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ArtifactError, match=r"no weights here[\s\S]*model.safetensors"):
        import_layout("clap", folder, tmp_path / "again")

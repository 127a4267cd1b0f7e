"""Every family of open_clip that a hub may be, cut down to a few weights, gives what open_clip itself gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from tiny_models import TEXTS, tokenizer
from torch.nn.functional import normalize

from binder.hub import open_hub

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 50), (64, 33), (20, 20))]
TOLERANCE = 1e-5  # float32 sums in another order; vectors are of length 1

TEXT: dict[str, Any] = {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
SIGLIP_TEXT = {**TEXT, "vocab_size": 64, "hf_tokenizer_name": "beside", "tokenizer_kwargs": {"clean": "canonicalize"}}
SIGLIP_TEXT |= {"no_causal_mask": True, "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}}
VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}


def _timm(name: str, size: int, pool: str, projection: str | None = None) -> dict[str, Any]:
    facts = {"timm_model_name": name, "timm_model_pretrained": False, "timm_pool": pool, "timm_proj": projection}
    return {"image_size": size, **facts}


# Each as its JSON among open_clip's model_configs has it, but for sizes.
FAMILIES: dict[str, dict[str, Any]] = {
    "CLIP": {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VIT, "text_cfg": TEXT},
    "OpenCLIP": {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT},
    "OpenCLIP ResNet": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16, "patch_size": None},
        "text_cfg": TEXT,
    },
    "OpenCLIP ConvNeXt": {
        "embed_dim": 16,
        "vision_cfg": _timm("test_convnext", 64, "", "linear"),
        "text_cfg": TEXT,
    },
    "MetaCLIP": {"embed_dim": 16, "quick_gelu": True, "vision_cfg": {**VIT, "patch_size": 16}, "text_cfg": TEXT},
    "MetaCLIP 2": {
        "embed_dim": 16,
        "vision_cfg": VIT,
        "text_cfg": {**TEXT, "vocab_size": 64, "hf_tokenizer_name": "beside", "pool_type": "eos", "eos_id": 2},
    },
    "EVA-CLIP": {
        "embed_dim": 192,
        "custom_text": True,
        "vision_cfg": _timm("eva02_tiny_patch14_224", 224, "token"),
        "text_cfg": TEXT,
    },
    "SigLIP": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": _timm("test_vit", 32, "map", "none"),
        "text_cfg": SIGLIP_TEXT,
    },
    "SigLIP 2": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": _timm("test_vit", 32, "map", "none"),
        "text_cfg": {**SIGLIP_TEXT, "act_kwargs": {"approximate": "tanh"}},
    },
    "MobileCLIP": {
        "embed_dim": 16,
        "custom_text": True,
        "vision_cfg": _timm("fastvit_mci0", 64, "avg"),
        "text_cfg": {**TEXT, "no_causal_mask": True},
    },
    "PE-core": {
        "embed_dim": 512,
        "custom_text": True,
        "vision_cfg": _timm("vit_pe_core_tiny_patch16_384", 384, "map"),
        "text_cfg": TEXT,
    },
    "CoCa": {
        "embed_dim": 16,
        "custom_text": True,
        "multimodal_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
        "vision_cfg": {**VIT, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
    },
}


@pytest.fixture(params=FAMILIES)
def family(request, tmp_path) -> tuple[str, Path]:
    config = {"model_cfg": FAMILIES[request.param], "preprocess_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    tokenizer().save_pretrained(tmp_path)
    return request.param, tmp_path


def test_a_family_gives_the_vectors_of_open_clip(family):
    name, folder = family
    hub = open_hub(f"open_clip:{folder}", random_init=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{folder}", load_weights=False)
    model.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.no_grad():
        pixels = torch.stack([prepare(Image.fromarray(image)) for image in IMAGES])
        expected = {"image": model.encode_image(pixels), "text": model.encode_text(tokens)}
    for modality, samples in {"image": IMAGES, "text": TEXTS}.items():
        given = hub.embed(modality, samples)
        torch.testing.assert_close(given, normalize(expected[modality], dim=-1), atol=TOLERANCE, rtol=0)
        assert (given[0] - given[1]).abs().max() > 1e-4
    assert hub.logits.scale == pytest.approx(1 / 0.07, rel=1e-4)
    assert hub.logits.bias == (-10 if "SigLIP" in name else None)


def test_siglip_reads_lower_case_without_punctuation(tmp_path):
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": FAMILIES["SigLIP 2"]}))
    tokenizer().save_pretrained(tmp_path)
    hub = open_hub(f"open_clip:{tmp_path}", random_init=0)
    assert torch.equal(hub.embed("text", ["A DOG!"]), hub.embed("text", ["a dog"]))


def test_the_image_tower_of_coca_can_be_copied(tmp_path):
    from binder.towers.image_networks import build_image_network

    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": FAMILIES["CoCa"]}))
    hub = open_hub(f"open_clip:{tmp_path}", random_init=0)
    tower = hub.image_tower()
    network = build_image_network(tower.architecture).eval()
    network.load_state_dict(tower.weights)
    with torch.no_grad():
        pixels = torch.stack([hub.prepare("image", image) for image in IMAGES])
        vectors = normalize(network(pixels), dim=-1)
    torch.testing.assert_close(vectors, hub.embed("image", IMAGES), atol=TOLERANCE, rtol=0)


def test_what_the_installed_open_clip_has_no_family_for():
    """NaFlex and CLAP are not among its configurations; when they come, they belong into the table above."""
    assert len(FAMILIES) == 12
    assert not [name for name in open_clip.list_models() if "naflex" in name.lower() or "clap" in name.lower()]

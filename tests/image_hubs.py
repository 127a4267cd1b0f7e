"""Small hubs with image towers of every kind that `hub-copy` knows, random weights. For tests of towers and run."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from binder.hub import FrozenHub, open_hub
from binder.hub.transformers import TransformersHub

TEXT = {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
VISION: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8},
    "resnet": {"image_size": 64, "layers": [1, 1, 2, 1], "width": 8, "head_width": 16},
    "timm-vit": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear"},
    "timm-resnet": {"image_size": 64, "timm_model_name": "test_resnet", "timm_pool": "avg", "timm_proj": "linear"},
}


def open_clip_hub(folder: Path, kind: str) -> FrozenHub:
    """A saved open_clip model whose image tower is `VISION[kind]`, opened as a hub."""
    config = {"embed_dim": 16, "vision_cfg": VISION[kind], "text_cfg": TEXT}
    custom = open_clip.CustomTextCLIP if "timm" in kind else open_clip.CLIP
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = custom(**config)
        for module in model.modules():  # statistics that a frozen batch norm must keep
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
    folder.mkdir()
    config = {**config, "custom_text": "timm" in kind}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return open_hub(f"open_clip:{folder}")


class TransformersImages(TransformersHub):
    """The image half of `TransformersHub`, without the files that its text half needs."""

    def __init__(self, kind: str) -> None:
        import transformers as library

        vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        vision |= {"image_size": 32, "patch_size": 8}
        text = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"bos_token_id": 1, "eos_token_id": 2}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if kind == "clip":
                settings = library.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
                model: Any = library.CLIPModel(settings)
            else:
                model = library.SiglipModel(library.SiglipConfig(text_config=text, vision_config=vision))
        dim = 16 if kind == "clip" else 32
        FrozenHub.__init__(self, f"test:{kind}", model, native=("image",), dim=dim, preprocessing={})


def image_hub(kind: str, folder: Path) -> FrozenHub:
    """The hub of any kind; `folder` must not exist yet."""
    return TransformersImages(kind) if kind in ("clip", "siglip") else open_clip_hub(folder, kind)


KINDS = (*VISION, "clip", "siglip")
SIZES = {kind: vision["image_size"] for kind, vision in VISION.items()} | {"clip": 32, "siglip": 32}


def hub_vectors(hub: Any, pixels: Tensor) -> Tensor:
    """What the hub's own model makes of pixels, by the library's own function; unit vectors."""
    model = hub._model
    with torch.no_grad():
        if hasattr(model, "encode_image"):
            vectors = model.encode_image(pixels)
        else:
            vectors = model.get_image_features(pixels).pooler_output
    return nn.functional.normalize(vectors, dim=-1)

"""Imports LanguageBind: its image branch as a transformers hub, the other branches as towers. Floor: importers.

[1] B. Zhu et al., 2024, LanguageBind, arXiv:2310.01852; names of the weights are those of the released repositories
(huggingface.co/LanguageBind; code github.com/PKU-YuanGroup/LanguageBind, languagebind/*/modeling_*.py).
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from binder.errors import ArtifactError
from binder.importers.folders import copy_tokenizer, find_weights
from binder.importers.state import State, read_state
from binder.importers.towers import Imported, ImportedEncoder, Release, bind, save_hub
from binder.storage import read_json

RELEASE = Release(
    name="LanguageBind",
    source="B. Zhu et al., 2024, arXiv:2310.01852, https://github.com/PKU-YuanGroup/LanguageBind",
    licence="MIT",
    limits=(
        "the weights were trained on VIDAL-10M, whose licence (CC-BY-NC 4.0) forbids commercial use of the data",
        "every branch is released with a text tower of its own; only branches whose text tower is the hub's are bound",
    ),
    trained_on=dict.fromkeys(("audio", "depth", "thermal", "video"), "VIDAL-10M (YouTube and Freesound) with texts"),
)

HUB_BRANCH, KIND = "image", "LanguageBind"
# OpenAI's CLIP, https://github.com/openai/CLIP, clip/clip.py
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

_ENCODER = "binder.towers.languagebind:LanguageBindEncoder"
# branch -> (what the encoder does to its samples, options of the modality)
_TOWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "audio": ({}, {"front_end": "languagebind", "mono": "first", "resample": True}),  # as its release reads files
    "depth": (
        {"grey": True, "mean": MEAN, "std": STD},
        {"size": 224, "input": "depth", "near_m": 0.01, "far_m": 10.0},
    ),
    # levels come as -1..1, and CLIP's constants are for 0..1
    "thermal": (
        {"grey": True, "mean": [2 * one - 1 for one in MEAN], "std": [2 * one for one in STD]},
        {"size": 224, "radiometric": False},
    ),
    "video": ({}, {"size": 224}),
}
_LAYER = {"layer_norm1.": "norm_1.", "layer_norm2.": "norm_2.", "mlp.fc1.": "mlp.0.", "mlp.fc2.": "mlp.2."}


def import_languagebind(path: Path, output: Path, options: dict[str, dict[str, Any]]) -> Imported:
    """Turn released branches into a space.

    Args:
        path: a folder of branch folders (LanguageBind_Image, LanguageBind_Audio...), each as it is published:
            config.json, weights, tokenizer. The image branch must be there: with the text tower it is the hub.
        output: a new folder; it gets `hub` (transformers' CLIP) and `space`.
        options: modality -> options that differ from `_TOWERS`.

    Raises:
        ArtifactError: no image branch, not that layout, or a branch whose text tower is not the hub's.
        RegistryError: unknown modality or option.
    """
    branches = _find_branches(path)
    hub = _merged(branches[HUB_BRANCH])
    config = _hub_config(read_json(branches[HUB_BRANCH] / "config.json"))
    text = {name: weight for name, weight in hub.items() if name.startswith("text_")}
    encoders = [
        read_branch(name, folder, text, options.get(name, {}))
        for name, folder in sorted(branches.items())
        if name != HUB_BRANCH
    ]
    files = {"config.json": config, "preprocessor_config.json": _PIXELS}
    save_hub(
        output / "hub",
        RELEASE,
        hub,
        files,
        weights_name="model.safetensors",
        fill=lambda folder: copy_tokenizer(branches[HUB_BRANCH], folder, "CLIPTokenizer"),
    )
    return bind(output, f"transformers:{(output / 'hub').absolute()}", RELEASE, encoders)


_PIXELS = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 224},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": MEAN,
    "image_std": STD,
    "do_convert_rgb": True,
}


def _find_branches(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        raise ArtifactError.explain(
            "LanguageBind comes as folders", got=path, expected="a folder that holds one per branch, or is one"
        )
    folders = [path, *sorted(path.iterdir())]
    branches: dict[str, Path] = {}
    for folder in folders:
        kind = read_json(folder / "config.json").get("model_type", "") if (folder / "config.json").is_file() else ""
        name = str(kind).removeprefix(KIND).lower()
        if not str(kind).startswith(KIND):
            continue
        if name in branches or (name not in _TOWERS and name != HUB_BRANCH):
            raise ArtifactError.explain(
                f"two {name} branches" if name in branches else "unknown branch of LanguageBind",
                got=f"{folder} ({kind})",
                choices=[HUB_BRANCH, *_TOWERS],
                fix="leave one folder per branch",
            )
        branches[name] = folder
    if HUB_BRANCH not in branches:
        raise ArtifactError.explain(
            "no hub among the branches of LanguageBind",
            got=f"{sorted(branches) or 'no branch'} in {path}",
            expected="LanguageBind_Image: its image and text towers are the hub",
            fix="download LanguageBind/LanguageBind_Image into a folder beside the others",
        )
    return branches


def _hub_config(config: dict[str, Any]) -> dict[str, Any]:
    own = ("lora_r", "lora_alpha", "lora_dropout", "add_time_attn", "num_frames", "force_patch_dropout")
    vision = {key: value for key, value in config["vision_config"].items() if key not in own}
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": config["projection_dim"],
        "text_config": {**config["text_config"], "model_type": "clip_text_model"},
        "vision_config": {**vision, "model_type": "clip_vision_model"},
    }


def _merged(folder: Path) -> dict[str, Tensor]:
    """The weights of one branch by CLIP's names, LoRA folded in."""
    vision = read_json(folder / "config.json")["vision_config"]
    state = read_state(find_weights(folder))
    for buffer in ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"):
        state.drop(buffer)
    weights = state.renamed({"encoder.base_model.model.": "encoder.", ".base_layer.": "."})
    for name in [name for name in weights if ".lora_A." in name]:
        down, up = weights.pop(name), weights.pop(name.replace(".lora_A.", ".lora_B."))
        target = name.split(".lora_A.")[0] + ".weight"
        weights[target] = weights[target] + vision["lora_alpha"] / vision["lora_r"] * (up @ down)
    return weights


def read_branch(name: str, folder: Path, text: dict[str, Tensor], options: dict[str, Any]) -> ImportedEncoder:
    """One branch, by the names of `LanguageBindEncoder`.

    Args:
        name: of the branch.
        folder: as it is published.
        text: weights of the hub's text tower.
        options: of the modality, that differ from `_TOWERS`.

    Raises:
        ArtifactError: not that layout, or another text tower.
    """
    given, modality = _TOWERS[name]
    vision = read_json(folder / "config.json")["vision_config"]
    weights = _merged(folder)
    _check_text(name, weights, text)
    state = State({key: weight for key, weight in weights.items() if not key.startswith("text_")}, folder)
    heads, layers = vision["num_attention_heads"], vision["num_hidden_layers"]
    frames = vision["num_frames"] if vision.get("add_time_attn") else None
    size = (
        [vision["num_mel_bins"], vision["target_length"]] if vision.get("num_mel_bins") else [vision["image_size"]] * 2
    )
    encoder = {
        "name": _ENCODER,
        "size": size,
        "patch": vision["patch_size"],
        "width": vision["hidden_size"],
        "depth": layers,
        "heads": heads,
        "dim": state.shape("visual_projection.weight")[0],
        "activation": vision["hidden_act"],
        "frames": frames,
        **given,
    }
    embeddings = "vision_model.embeddings."
    renamed = {
        "patches.weight": state.take(f"{embeddings}patch_embedding.weight"),
        "class_token": state.take(f"{embeddings}class_embedding"),
        "positions": state.take(f"{embeddings}position_embedding.weight"),
        "norm_tokens.weight": state.take("vision_model.pre_layrnorm.weight"),
        "norm_tokens.bias": state.take("vision_model.pre_layrnorm.bias"),
        "norm.weight": state.take("vision_model.post_layernorm.weight"),
        "norm.bias": state.take("vision_model.post_layernorm.bias"),
        "project.weight": state.take("visual_projection.weight"),
    }
    for number in range(layers):
        renamed |= _layer(state.under(f"vision_model.encoder.layers.{number}."), number, time=frames is not None)
    scale = float(state.take("logit_scale").exp())
    state.done()
    return ImportedEncoder(
        modality=name,
        anchor="text",
        encoder=encoder,
        weights=renamed,
        options={**modality, **_sizes(name, vision), **options},
        logit_scale=scale,
    )


def _sizes(name: str, vision: dict[str, Any]) -> dict[str, Any]:
    """Options of the modality that the branch's config fixes."""
    return {"num_frames": vision["num_frames"]} if name == "video" else {}


def _layer(state: State, number: int, *, time: bool) -> dict[str, Tensor]:
    """One block, and its attention over time, by the names of `LanguageBindEncoder`."""
    weights = _attention(state.under("self_attn."), f"blocks.{number}.attention.")
    if time:
        prefix = f"times.{number}."
        weights |= _attention(state.under("temporal_attn."), f"{prefix}attention.")
        weights[f"{prefix}embedding"] = state.take("temporal_embedding")[0]
        weights |= state.under("temporal_layer_norm1.").renamed({}, prefix=f"{prefix}norm.")
    return weights | state.renamed(_LAYER, prefix=f"blocks.{number}.")


def _attention(state: State, prefix: str) -> dict[str, Tensor]:
    """What torch keeps in one matrix: the three projections."""
    joined = {
        f"in_proj_{kind}": torch.cat([state.take(f"{one}_proj.{kind}") for one in "qkv"]) for kind in ("weight", "bias")
    }
    joined |= state.renamed({})
    return {prefix + name: weight for name, weight in joined.items()}


def _check_text(name: str, weights: dict[str, Tensor], text: dict[str, Tensor]) -> None:
    """Vectors of towers that were trained against different text towers are not comparable."""
    differing = [key for key, weight in text.items() if key not in weights or not torch.equal(weights[key], weight)]
    if differing:
        raise ArtifactError.explain(
            f"the {name} branch was trained against another text tower than the image branch",
            got=f"{len(differing)} of {len(text)} weights of the text towers differ, e.g. {differing[0]}",
            expected="one hub: the same text tower, bit for bit",
            fix=f"leave the {name} folder out, or take the release of that branch whose text tower stayed locked",
        )

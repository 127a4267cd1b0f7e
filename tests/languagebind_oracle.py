"""LanguageBind's branches by their paper and published weight names: random weights, and functions that use them.

Written from arXiv:2310.01852 and the names and shapes of the released repositories, with functional torch alone and no
part of binder: the oracle of the importer. LoRA updates are applied beside the weights they adapt, not merged.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear, normalize

WIDTH, HEADS, LAYERS, DIM, RANK, ALPHA, EPS = 32, 4, 2, 24, 2, 16, 1e-5
FRAMES = 3
BYTES = [chr(code) for code in range(ord("!"), ord("~") + 1)]
VOCABULARY = [*BYTES, *(f"{one}</w>" for one in BYTES), "<|startoftext|>", "<|endoftext|>"]
MODULES = ("q_proj", "k_proj", "v_proj", "out_proj")


def branch(kind: str, *, seed: int, text_seed: int = 0) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights of a small branch: `Image`, `Audio`, `Depth`, `Thermal` or `Video` (attention over time)."""
    time, lora = kind == "Video", kind != "Image"
    sizes = {"num_mel_bins": 112, "target_length": 1036} if kind == "Audio" else {"num_mel_bins": 0, "target_length": 0}
    shared = {
        "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS, "layer_norm_eps": EPS,
        "num_attention_heads": HEADS, "projection_dim": DIM, "hidden_act": "gelu",
    }  # fmt: skip
    vision = {
        **shared, **sizes, "image_size": 224, "patch_size": 14, "num_channels": 3, "add_time_attn": time,
        "num_frames": FRAMES if time else 1, "lora_r": RANK if lora else 0, "lora_alpha": ALPHA,
        "force_patch_dropout": 0.5,
    }  # fmt: skip
    ids = {"vocab_size": len(VOCABULARY), "bos_token_id": len(VOCABULARY) - 2, "eos_token_id": len(VOCABULARY) - 1}
    text = {**shared, **ids, "max_position_embeddings": 77, "pad_token_id": len(VOCABULARY) - 1}
    config = {"model_type": f"LanguageBind{kind}", "text_config": text, "vision_config": vision, "projection_dim": DIM}
    return config, _text(text_seed) | _vision(vision, seed, lora=lora, time=time)


def _drawer(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape, about=0.0, std=0.2: about + std * torch.randn(shape, generator=generator)


def _text(seed: int) -> dict[str, Tensor]:
    draw = _drawer(seed)
    state = {
        "text_model.embeddings.token_embedding.weight": draw(len(VOCABULARY), WIDTH),
        "text_model.embeddings.position_embedding.weight": draw(77, WIDTH),
        "text_model.embeddings.position_ids": torch.arange(77)[None],
        "text_projection.weight": draw(DIM, WIDTH),
        **_norm("text_model.final_layer_norm", draw),
    }
    for number in range(LAYERS):
        state |= _layer(f"text_model.encoder.layers.{number}.", draw, lora=(), time=False)
    return state


def _vision(config: dict[str, Any], seed: int, *, lora: bool, time: bool) -> dict[str, Tensor]:
    draw = _drawer(1000 + seed)
    tokens = 1 + (8 * 74 if config["num_mel_bins"] else 16 * 16)
    state = {
        "vision_model.embeddings.class_embedding": draw(WIDTH),
        "vision_model.embeddings.patch_embedding.weight": draw(WIDTH, 3, 14, 14, std=0.05),
        "vision_model.embeddings.position_embedding.weight": draw(tokens, WIDTH),
        "vision_model.embeddings.position_ids": torch.arange(tokens)[None],
        "visual_projection.weight": draw(DIM, WIDTH),
        "logit_scale": torch.tensor(2.6592),
        **_norm("vision_model.pre_layrnorm", draw),
        **_norm("vision_model.post_layernorm", draw),
    }
    adapted = () if not lora else ("temporal_attn",) if time else ("self_attn",)
    inside = "base_model.model." if lora else ""
    for number in range(LAYERS):
        state |= _layer(f"vision_model.encoder.{inside}layers.{number}.", draw, lora=adapted, time=time)
    return state


def _norm(prefix: str, draw) -> dict[str, Tensor]:
    return {f"{prefix}.weight": draw(WIDTH, about=1.0), f"{prefix}.bias": draw(WIDTH)}


def _layer(prefix: str, draw, *, lora: tuple[str, ...], time: bool) -> dict[str, Tensor]:
    state = {
        f"{prefix}mlp.fc1.weight": draw(4 * WIDTH, WIDTH),
        f"{prefix}mlp.fc1.bias": draw(4 * WIDTH),
        f"{prefix}mlp.fc2.weight": draw(WIDTH, 4 * WIDTH),
        f"{prefix}mlp.fc2.bias": draw(WIDTH),
        **_norm(f"{prefix}layer_norm1", draw),
        **_norm(f"{prefix}layer_norm2", draw),
    }
    if time:
        state[f"{prefix}temporal_embedding"] = draw(1, FRAMES, WIDTH)
        state |= _norm(f"{prefix}temporal_layer_norm1", draw)
    for attention in ("self_attn", "temporal_attn") if time else ("self_attn",):
        for module in MODULES:
            name, base = f"{prefix}{attention}.{module}", ".base_layer" if attention in lora else ""
            sharp = 1.0 if module in ("q_proj", "k_proj") else 0.2  # sharp attention: samples differ
            state |= {f"{name}{base}.weight": draw(WIDTH, WIDTH, std=sharp), f"{name}{base}.bias": draw(WIDTH)}
            if attention in lora:
                state |= {
                    f"{name}.lora_A.default.weight": draw(RANK, WIDTH),
                    f"{name}.lora_B.default.weight": draw(WIDTH, RANK),
                }
    return state


def save_branch(folder: Path, config: dict[str, Any], state: dict[str, Tensor]) -> Path:
    """Write a branch as it is published."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(VOCABULARY)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    specials = {"bos_token": VOCABULARY[-2], "eos_token": VOCABULARY[-1], "unk_token": VOCABULARY[-1]}
    settings = {**specials, "pad_token": VOCABULARY[-1], "tokenizer_class": "LanguageBindTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 77}))
    return folder


def embed(config: dict[str, Any], state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Unit vectors of normalised pictures (sample, 3, height, width) or clips (sample, 3, frame, height, width)."""
    vision = config["vision_config"]
    inside = "base_model.model." if vision["lora_r"] else ""
    frames = x[:, :, None] if x.ndim == 4 else x
    count = frames.shape[2]
    pictures = torch.cat([clip.transpose(0, 1) for clip in frames])
    patches = conv2d(pictures, state["vision_model.embeddings.patch_embedding.weight"], stride=14)
    tokens = patches.flatten(2).transpose(1, 2)
    cls = state["vision_model.embeddings.class_embedding"].expand(len(tokens), 1, -1)
    tokens = torch.cat([cls, tokens], 1) + state["vision_model.embeddings.position_embedding.weight"]
    tokens = _layer_norm(state, "vision_model.pre_layrnorm", tokens)
    for number in range(LAYERS):
        prefix = f"vision_model.encoder.{inside}layers.{number}."
        if vision["add_time_attn"]:
            tokens = _over_time(state, prefix, tokens, count)
        tokens = tokens + _attend(state, f"{prefix}self_attn.", _layer_norm(state, f"{prefix}layer_norm1", tokens))
        hidden = _linear(state, f"{prefix}mlp.fc1", _layer_norm(state, f"{prefix}layer_norm2", tokens))
        tokens = tokens + _linear(state, f"{prefix}mlp.fc2", gelu(hidden))
    pooled = _layer_norm(state, "vision_model.post_layernorm", tokens[:, 0]).view(len(x), count, WIDTH).mean(1)
    return normalize(linear(pooled, state["visual_projection.weight"]), dim=-1)


def _over_time(state: dict[str, Tensor], prefix: str, tokens: Tensor, count: int) -> Tensor:
    clips = tokens.view(-1, count, *tokens.shape[1:]) + state[f"{prefix}temporal_embedding"][0][:, None]
    places = []
    for place in range(tokens.shape[1]):
        one = clips[:, :, place]
        normed = _layer_norm(state, f"{prefix}temporal_layer_norm1", one)
        places.append(one + _attend(state, f"{prefix}temporal_attn.", normed))
    return torch.stack(places, 2).flatten(0, 1)


def _attend(state: dict[str, Tensor], prefix: str, tokens: Tensor) -> Tensor:
    queries, keys, values = (_linear(state, f"{prefix}{module}", tokens) for module in MODULES[:3])
    parts = []
    for query, key, value in zip(queries.chunk(HEADS, -1), keys.chunk(HEADS, -1), values.chunk(HEADS, -1), strict=True):
        parts.append((query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])).softmax(-1) @ value)
    return _linear(state, f"{prefix}out_proj", torch.cat(parts, -1))


def _linear(state: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    base = f"{prefix}.base_layer" if f"{prefix}.base_layer.weight" in state else prefix
    result = linear(x, state[f"{base}.weight"], state[f"{base}.bias"])
    if f"{prefix}.lora_A.default.weight" in state:
        down = linear(x, state[f"{prefix}.lora_A.default.weight"])
        result = result + ALPHA / RANK * linear(down, state[f"{prefix}.lora_B.default.weight"])
    return result


def _layer_norm(state: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    return layer_norm(x, (WIDTH,), state[f"{prefix}.weight"], state[f"{prefix}.bias"], EPS)

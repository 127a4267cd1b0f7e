"""ImageBind by its paper and its published weight names: random weights, and plain functions that use them.

Written from arXiv:2305.05665 and the names and shapes of the released checkpoint, with functional torch alone and no
part of binder: the oracle of the importer.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d, gelu, layer_norm, linear, normalize

WIDTHS = {"vision": 32, "text": 32, "audio": 24, "depth": 16, "thermal": 24, "imu": 16}
HEADS = {"vision": 16, "text": 16, "audio": 12, "depth": 8, "thermal": 12, "imu": 8}
STEMS = {"vision": "rgbt_stem", "audio": "rgbt_stem", "depth": "depth_stem", "thermal": "rgbt_stem", "imu": "imu_stem"}
SCALES = {"audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0, "text": 1 / 0.07}
TOKENS = {"vision": 257, "audio": 12 * 19 + 1, "depth": 197, "thermal": 197, "imu": 251}
DIM, BLOCKS, VOCABULARY = 24, 2, 49408


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """Weights of a small model in the released layout; norms and biases are not at their defaults either."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, about: float = 0.0, std: float = 0.2) -> Tensor:
        return about + std * torch.randn(shape, generator=generator)

    state: dict[str, Tensor] = {}
    for name, width in WIDTHS.items():
        pre, trunk, head = f"modality_preprocessors.{name}.", f"modality_trunks.{name}.", f"modality_heads.{name}."
        if name == "text":
            state |= {
                f"{pre}token_embedding.weight": draw(VOCABULARY, width),
                f"{pre}pos_embed": draw(1, 77, width),
                f"{pre}mask": torch.full((77, 77), float("-inf")).triu(1),
            }
        else:
            stem = f"{pre}{STEMS[name]}."
            shape = {
                "vision": (width, 3, 2, 14, 14),
                "audio": (width, 1, 16, 16),
                "depth": (width, 1, 16, 16),
                "thermal": (width, 1, 16, 16),
                "imu": (width, 48),
            }[name]
            state[f"{stem}proj.{'1.' if name == 'vision' else ''}weight"] = draw(*shape, std=0.05)
            if name != "vision":
                state |= _norm(f"{stem}norm_layer", width, draw)
            state[f"{pre}cls_token"] = draw(1, 1, width)
            helper = "" if name == "imu" else "pos_embedding_helper."
            state[f"{pre}{helper}pos_embed"] = draw(1, TOKENS[name], width)
        if name == "vision":
            state |= _norm(f"{trunk}pre_transformer_layer.0", width, draw)
        for number in range(BLOCKS):
            state |= _block(f"{trunk}blocks.{number}.", width, draw, extra=name not in ("vision", "text"))
        head = f"{head}proj." if name == "text" else head
        last = {"text": 1, "imu": 3}.get(name, 2)
        state |= _norm(f"{head}0", width, draw)
        state[f"{head}{last}.weight"] = draw(DIM, width)
        if name in SCALES:
            state[f"modality_postprocessors.{name}.1.log_logit_scale"] = torch.tensor(math.log(SCALES[name]))
    return state


def _norm(prefix: str, width: int, draw) -> dict[str, Tensor]:
    return {f"{prefix}.weight": draw(width, about=1.0), f"{prefix}.bias": draw(width)}


def _block(prefix: str, width: int, draw, *, extra: bool) -> dict[str, Tensor]:
    state = {
        f"{prefix}attn.in_proj_weight": draw(3 * width, width, std=1.0),  # sharp attention: samples differ
        f"{prefix}attn.in_proj_bias": draw(3 * width),
        f"{prefix}attn.out_proj.weight": draw(width, width),
        f"{prefix}attn.out_proj.bias": draw(width),
        f"{prefix}mlp.fc1.weight": draw(4 * width, width),
        f"{prefix}mlp.fc1.bias": draw(4 * width),
        f"{prefix}mlp.fc2.weight": draw(width, 4 * width),
        f"{prefix}mlp.fc2.bias": draw(width),
        **_norm(f"{prefix}norm_1", width, draw),
        **_norm(f"{prefix}norm_2", width, draw),
    }
    if extra:
        state |= {f"{prefix}attn.bias_k": draw(1, 1, width), f"{prefix}attn.bias_v": draw(1, 1, width)}
    return state


def released_input(name: str, batch: Tensor) -> Tensor:
    """What the release feeds its model, from what binder's modality gives: disparity in SUN's units, levels in 0..1."""
    match name:
        case "depth":
            return (batch[:, :1, 0] - 0.0418) / 0.0295
        case "thermal":
            return (batch + 1) / 2
        case _:
            return batch


def embed(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Unit vectors; `x` are pixels, token ids, mel pictures (sample, clip, 1, band, frame) or (sample, 6, time)."""
    if name == "audio":
        return torch.stack([_embed(state, name, clips).mean(0) for clips in x])
    return _embed(state, name, x)


def _embed(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    pre, head = f"modality_preprocessors.{name}.", f"modality_heads.{name}."
    if name == "text":
        tokens = state[f"{pre}token_embedding.weight"][x] + state[f"{pre}pos_embed"]
        tokens = _trunk(state, name, tokens, causal=True)
        chosen = torch.stack([one[ids.argmax()] for one, ids in zip(tokens, x, strict=True)])
        head, last = f"{head}proj.", 1
    else:
        tokens = _patches(state, name, x)
        tokens = torch.cat([state[f"{pre}cls_token"].expand(len(tokens), -1, -1), tokens], 1)
        helper = "" if name == "imu" else "pos_embedding_helper."
        tokens = _trunk(state, name, tokens + state[f"{pre}{helper}pos_embed"], causal=False)
        chosen, last = tokens[:, 0], 3 if name == "imu" else 2
    normed = _layer_norm(state, f"{head}0", chosen, 1e-6)
    return normalize(linear(normed, state[f"{head}{last}.weight"]), dim=-1)


def _patches(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    stem = f"modality_preprocessors.{name}.{STEMS[name]}."
    if name == "vision":
        weight = state[f"{stem}proj.1.weight"]
        frames = torch.stack([x, x], dim=2)
        return conv3d(frames, weight, stride=(2, 14, 14)).flatten(2).transpose(1, 2)
    weight = state[f"{stem}proj.weight"]
    if name == "imu":
        windows = torch.stack([torch.stack([one[:, 8 * n : 8 * n + 8].flatten() for n in range(250)]) for one in x])
        tokens = linear(windows, weight)
    else:
        tokens = conv2d(x, weight, stride=10 if name == "audio" else 16).flatten(2).transpose(1, 2)
    return _layer_norm(state, f"{stem}norm_layer", tokens, 1e-5)


def _trunk(state: dict[str, Tensor], name: str, tokens: Tensor, *, causal: bool) -> Tensor:
    prefix = f"modality_trunks.{name}."
    if name == "vision":
        tokens = _layer_norm(state, f"{prefix}pre_transformer_layer.0", tokens, 1e-6)
    for number in range(BLOCKS):
        block = f"{prefix}blocks.{number}."
        tokens = tokens + _attend(
            state, f"{block}attn.", _layer_norm(state, f"{block}norm_1", tokens, 1e-6), HEADS[name], causal
        )
        hidden = _linear(state, f"{block}mlp.fc1", _layer_norm(state, f"{block}norm_2", tokens, 1e-6))
        tokens = tokens + _linear(state, f"{block}mlp.fc2", gelu(hidden))
    return tokens


def _attend(state: dict[str, Tensor], prefix: str, tokens: Tensor, heads: int, causal: bool) -> Tensor:
    queries, keys, values = linear(tokens, state[f"{prefix}in_proj_weight"], state[f"{prefix}in_proj_bias"]).chunk(
        3, -1
    )
    if f"{prefix}bias_k" in state:
        keys = torch.cat([keys, state[f"{prefix}bias_k"].expand(len(keys), -1, -1)], 1)
        values = torch.cat([values, state[f"{prefix}bias_v"].expand(len(values), -1, -1)], 1)
    parts = []
    for query, key, value in zip(queries.chunk(heads, -1), keys.chunk(heads, -1), values.chunk(heads, -1), strict=True):
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        if causal:
            scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
        parts.append(scores.softmax(-1) @ value)
    return _linear(state, f"{prefix}out_proj", torch.cat(parts, -1))


def _linear(state: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    return linear(x, state[f"{prefix}.weight"], state[f"{prefix}.bias"])


def _layer_norm(state: dict[str, Tensor], prefix: str, x: Tensor, eps: float) -> Tensor:
    return layer_norm(x, x.shape[-1:], state[f"{prefix}.weight"], state[f"{prefix}.bias"], eps)

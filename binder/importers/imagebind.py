"""Imports ImageBind: its image and text towers as an open_clip hub, the other four as towers. Floor: importers.

[1] R. Girdhar et al., 2023, ImageBind, arXiv:2305.05665; names and shapes of the weights are those of the release
`imagebind_huge.pth` (github.com/facebookresearch/ImageBind, imagebind/models). Widths and depths are read from the
weights; heads, strides and input sizes, which they do not show, are the published ones.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from binder.importers.state import State, read_state
from binder.importers.towers import Imported, ImportedEncoder, Release, bind, save_hub

RELEASE = Release(
    name="ImageBind",
    source="R. Girdhar et al., 2023, arXiv:2305.05665, https://github.com/facebookresearch/ImageBind",
    licence="CC-BY-NC-4.0",
    limits=(
        "CC-BY-NC 4.0 forbids commercial use, of the weights and of what is made from them",
        "depth: the release has no loader; disparity of a camera is fed in, divided by 75, then (x - 0.0418) / 0.0295"
        " (Omnivore's constants). Give your camera: depth.focal_px=... depth.baseline_m=...",
        "thermal: the release has no loader; grey levels in 0..1 are fed in, as its users found best",
        "imu: the release has no loader, and names neither units nor the order of the six channels;"
        " equal tensors give equal vectors, but recordings may be prepared in another way than in training",
    ),
    trained_on={
        "audio": "AudioSet (sound and frames), without labels",
        "depth": "SUN RGB-D",
        "thermal": "LLVIP",
        "imu": "Ego4D",
    },
)

HEADS = {"vision": 16, "text": 16, "audio": 12, "depth": 8, "thermal": 12, "imu": 8}  # imagebind_huge
CONTEXT, PIXELS = 77, 224
EPSILON = 1e-6  # of the layer norms in all trunks; open_clip's own are 1e-5
# OpenAI's CLIP, https://github.com/openai/CLIP, clip/clip.py
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

_ENCODER = "binder.towers.imagebind:ImageBindEncoder"
# Of a Kinect v1, the camera of much of NYU and SUN RGB-D; see `limits`.
_KINECT = {"focal_px": 519.0, "baseline_m": 0.075}
# modality -> (where its patches are, input of the encoder, options of the modality)
_TOWERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "audio": (
        "rgbt_stem",
        {"size": [128, 204], "stride": [10, 10], "drop_path": 0.1},
        {"front_end": "imagebind", "mono": "first", "resample": True},  # as its release reads files
    ),
    "depth": (
        "depth_stem",
        {"size": [1, PIXELS, PIXELS], "mean": 0.0418, "std": 0.0295},
        {"size": PIXELS, "input": "disparity", **_KINECT},
    ),
    # levels come as -1..1
    "thermal": (
        "rgbt_stem",
        {"size": [PIXELS, PIXELS], "mean": -1.0, "std": 2.0},
        {"size": PIXELS, "radiometric": False},
    ),
    "imu": (
        "imu_stem",
        {"size": [2000], "drop_path": 0.7, "dropout": 0.5},
        {"length": 2000, "length_policy": "stretch"},
    ),
}
_BLOCK = {
    ".attn.": ".attention.",
    ".mlp.fc1.": ".mlp.0.",
    ".mlp.fc2.": ".mlp.2.",
}
_OPEN_CLIP_BLOCK = {".norm_1.": ".ln_1.", ".norm_2.": ".ln_2.", ".mlp.fc1.": ".mlp.c_fc.", ".mlp.fc2.": ".mlp.c_proj."}


def import_imagebind(path: Path, output: Path, options: dict[str, dict[str, Any]]) -> Imported:
    """Turn a released checkpoint into a space.

    Args:
        path: `imagebind_huge.pth`, or the same weights as safetensors.
        output: a new folder; it gets `hub` (open_clip's layout) and `space`.
        options: modality -> options that differ from `_TOWERS`.

    Raises:
        ArtifactError: not that layout.
        RegistryError: unknown modality or option.
    """
    state = read_state(path)
    hub, config = _hub(state)
    encoders = [
        _encoder(state, name, {**modality, **options.get(name, {})}) for name, (_, _, modality) in _TOWERS.items()
    ]
    state.done()
    save_hub(
        output / "hub", RELEASE, hub, {"open_clip_config.json": config}, weights_name="open_clip_model.safetensors"
    )
    return bind(output, f"open_clip:{(output / 'hub').absolute()}", RELEASE, encoders)


def _hub(state: State) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Image and text towers as open_clip's CLIP, and its config."""
    patches = state.take("modality_preprocessors.vision.rgbt_stem.proj.1.weight")
    vision, text = _trunk(state, "vision"), _trunk(state, "text")
    image_width, dim = patches.shape[0], state.shape("modality_heads.vision.2.weight")[0]
    tokens = state.take("modality_preprocessors.text.token_embedding.weight")
    weights = {
        # one picture is fed in as two equal frames
        "visual.conv1.weight": patches.sum(dim=2),
        "visual.class_embedding": state.take("modality_preprocessors.vision.cls_token")[0, 0],
        "visual.positional_embedding": _positions(state, "vision")[0],
        "visual.ln_pre.weight": vision.take("pre_transformer_layer.0.weight"),
        "visual.ln_pre.bias": vision.take("pre_transformer_layer.0.bias"),
        "visual.ln_post.weight": state.take("modality_heads.vision.0.weight"),
        "visual.ln_post.bias": state.take("modality_heads.vision.0.bias"),
        "visual.proj": state.take("modality_heads.vision.2.weight").T,
        "token_embedding.weight": tokens,
        "positional_embedding": state.take("modality_preprocessors.text.pos_embed")[0],
        "ln_final.weight": state.take("modality_heads.text.proj.0.weight"),
        "ln_final.bias": state.take("modality_heads.text.proj.0.bias"),
        "text_projection": state.take("modality_heads.text.proj.1.weight").T,
        "logit_scale": state.take("modality_postprocessors.text.1.log_logit_scale"),
    }
    state.drop("modality_preprocessors.text.mask")  # causal; open_clip makes its own
    image_layers, text_layers = vision.count("blocks."), text.count("blocks.")
    renames = {"blocks.": "resblocks.", **_OPEN_CLIP_BLOCK}
    weights |= vision.renamed(renames, prefix="visual.transformer.")
    weights |= text.renamed(renames, prefix="transformer.")
    norm = {"norm_kwargs": {"eps": EPSILON}}
    model = {
        "embed_dim": dim,
        "vision_cfg": {
            "image_size": PIXELS,
            "layers": image_layers,
            "width": image_width,
            "head_width": image_width // HEADS["vision"],
            "patch_size": patches.shape[-1],
            **norm,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": tokens.shape[0],
            "width": tokens.shape[1],
            "heads": HEADS["text"],
            "layers": text_layers,
            **norm,
        },
    }
    pixels = {"size": [PIXELS, PIXELS], "mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    return weights, {"model_cfg": model, "preprocess_cfg": pixels}


def _encoder(state: State, name: str, options: dict[str, Any]) -> ImportedEncoder:
    """One of the other towers, by the names of `ImageBindEncoder`."""
    stem, given, _ = _TOWERS[name]
    prefix = f"modality_preprocessors.{name}.{stem}"
    size = given["size"]
    patches = state.take(f"{prefix}.proj.weight")
    if name == "imu":  # a linear layer on windows, channel after channel: a convolution
        patches = patches.unflatten(1, (6, -1))
    patches = patches.reshape(*patches.shape[:2], *[1] * (len(size) + 2 - patches.ndim), *patches.shape[2:])
    trunk = _trunk(state, name)
    last = 3 if name == "imu" else 2  # a dropout stands between
    projection = state.take(f"modality_heads.{name}.{last}.weight")
    scale = state.take(f"modality_postprocessors.{name}.1.log_logit_scale").exp().clamp(max=100)
    encoder = {
        "name": _ENCODER,
        "channels": patches.shape[1],
        "patch": list(patches.shape[2:]),
        "width": patches.shape[0],
        "depth": trunk.count("blocks."),
        "heads": HEADS[name],
        "dim": projection.shape[0],
        **given,
    }
    weights = {
        "patches.weight": patches,
        "patch_norm.weight": state.take(f"{prefix}.norm_layer.weight"),
        "patch_norm.bias": state.take(f"{prefix}.norm_layer.bias"),
        "class_token": state.take(f"modality_preprocessors.{name}.cls_token")[0, 0],
        "positions": _positions(state, name)[0],
        "norm.weight": state.take(f"modality_heads.{name}.0.weight"),
        "norm.bias": state.take(f"modality_heads.{name}.0.bias"),
        "project.1.weight": projection,
        **trunk.renamed(_BLOCK),
    }
    return ImportedEncoder(
        modality=name,
        anchor="image",
        encoder=encoder,
        weights=weights,
        options=options,
        logit_scale=float(scale),
    )


def _trunk(state: State, name: str) -> State:
    return state.under(f"modality_trunks.{name}.")


def _positions(state: State, name: str) -> Tensor:
    own = f"modality_preprocessors.{name}.pos_embed"
    return state.take(own if own in state else f"modality_preprocessors.{name}.pos_embedding_helper.pos_embed")

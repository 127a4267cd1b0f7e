"""Imports CLAP as a transformers hub: LAION's checkpoints, or a folder that is in that layout. Floor: importers.

[1] Y. Wu et al., 2023, Large-scale contrastive language-audio pretraining, arXiv:2211.06687; names of the weights are
those of LAION's releases (github.com/LAION-AI/CLAP, clap_module/{model,htsat}.py). Audio and text were trained
together: both are native to the hub, and no tower is left to bind.
"""

import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from binder.errors import ArtifactError
from binder.importers.folders import copy_tokenizer, find_weights
from binder.importers.state import State, read_state
from binder.importers.towers import Imported, Release, bind, save_hub
from binder.storage import read_json

RELEASE = Release(
    name="CLAP",
    source="Y. Wu et al., 2023, arXiv:2211.06687, https://github.com/LAION-AI/CLAP",
    licence="CC0-1.0",
    limits=(
        "the recordings of LAION-Audio-630K have licences of their own",
        "LAION's text tower has layer norms of epsilon 1e-5, its port to transformers of 1e-12;"
        " a .pt is imported as LAION has it",
    ),
    trained_on={},
)

_HEAD_WIDTH = 64  # RoBERTa's
# Of HTSAT, all as in LAION's code: amplitudes at 48 kHz, 64 rows from 50 to 14000 Hz.
_SOUNDS = {
    "feature_extractor_type": "ClapFeatureExtractor",
    "processor_class": "ClapProcessor",
    "feature_size": 64,
    "sampling_rate": 48_000,
    "hop_length": 480,
    "fft_window_size": 1024,
    "max_length_s": 10,
    "frequency_min": 50,
    "frequency_max": 14_000,
    "padding": "repeatpad",
    "padding_value": 0.0,
    "return_attention_mask": False,
}
_SWIN = {
    ".attn.relative_position": ".attention.self.relative_position",
    ".attn.proj.": ".attention.output.dense.",
    ".mlp.fc1.": ".intermediate.dense.",
    ".mlp.fc2.": ".output.dense.",
    ".norm1.": ".layernorm_before.",
    ".norm2.": ".layernorm_after.",
    "bn0.": "batch_norm.",
}
# What only classifies AudioSet, computes the spectrogram (the feature extractor does), or can be made anew.
_UNUSED = ("tscam_conv.", "head.", "spectrogram_extractor.", "logmel_extractor.")


def import_clap(path: Path, output: Path, options: dict[str, dict[str, Any]]) -> Imported:
    """Turn a checkpoint into a space without towers.

    Args:
        path: LAION's .pt (HTSAT and RoBERTa, with or without fusion), or a folder in transformers' layout.
        output: a new folder; it gets `hub` (transformers' CLAP) and `space`.
        options: `{"text": {"tokenizer": FOLDER}}`: of RoBERTa, for a .pt, which has none.

    Raises:
        ArtifactError: not that layout, or no tokenizer.
    """
    if path.is_dir():
        _from_folder(path, output / "hub")
    else:
        _from_laion(path, output / "hub", options)
    return bind(output, f"transformers:{(output / 'hub').absolute()}", RELEASE, [])


def _from_folder(path: Path, hub: Path) -> None:
    if not (path / "config.json").is_file():
        raise ArtifactError.explain(
            "no CLAP here",
            got=f"{path} holds {', '.join(sorted(file.name for file in path.iterdir())[:4]) or 'nothing'}",
            expected="config.json, weights and tokenizer, as transformers' CLAP is published",
            fix="download the whole repository, or name LAION's .pt itself",
        )
    config = read_json(path / "config.json")
    if config.get("model_type") != "clap":
        raise ArtifactError.explain("not a CLAP", got=f"{path}: model_type {config.get('model_type')}", expected="clap")
    weights = read_state(find_weights(path)).renamed({})

    def fill(folder: Path) -> None:
        copy_tokenizer(path, folder, "RobertaTokenizer")
        for name in ("preprocessor_config.json", "processor_config.json"):
            if (path / name).is_file():
                shutil.copy(path / name, folder / name)

    save_hub(hub, RELEASE, weights, {"config.json": config}, weights_name="model.safetensors", fill=fill)


def _tokenizer_of(path: Path, options: dict[str, dict[str, Any]]) -> Path:
    folder = options.get("text", {}).get("tokenizer")
    if folder is None:
        raise ArtifactError.explain(
            f"{path} brings no tokenizer",
            got="no folder of one",
            expected="RoBERTa's",
            fix="download roberta-base's tokenizer files and add text.tokenizer=FOLDER",
        )
    return Path(folder)


def _from_laion(path: Path, hub: Path, options: dict[str, dict[str, Any]]) -> None:
    state = read_state(path)
    audio, text = state.under("audio_branch."), state.under("text_branch.")
    audio_settings, text_settings = audio_config(audio), _text_config(text)
    dim = state.shape("audio_projection.2.weight")[0]
    weights = swin(audio) | text.renamed({}, prefix="text_model.")
    for kind in ("audio", "text"):
        state.under(f"{kind}_transform.")  # of the second loss of training; no vector passes through it
        renames = {"0.": "linear1.", "2.": "linear2."}
        weights |= state.under(f"{kind}_projection.").renamed(renames, prefix=f"{kind}_projection.")
    weights |= {name: state.take(name) for name in ("logit_scale_a", "logit_scale_t")}
    state.done()
    tokenizer = _tokenizer_of(path, options)
    config = {
        "model_type": "clap",
        "architectures": ["ClapModel"],
        "projection_dim": dim,
        "audio_config": {**audio_settings, "projection_dim": dim},
        "text_config": {**text_settings, "projection_dim": dim},
    }
    sounds = {**_SOUNDS, "truncation": "fusion" if audio_settings["enable_fusion"] else "rand_trunc"}
    save_hub(
        hub,
        RELEASE,
        weights,
        {"config.json": config, "preprocessor_config.json": sounds},
        weights_name="model.safetensors",
        fill=lambda folder: copy_tokenizer(tokenizer, folder, "RobertaTokenizer"),
    )


def audio_config(audio: State) -> dict[str, Any]:
    """Settings of transformers' HTSAT for LAION's `audio_branch`, read from the shapes of its weights."""
    patches = audio.shape("patch_embed.proj.weight")
    stages = range(audio.count("layers."))
    bias = "layers.{}.blocks.0.attn.relative_position_bias_table"
    fusion = any("fusion_model" in name for name in audio)
    return {
        "num_mel_bins": audio.shape("bn0.weight")[0],
        "patch_size": patches[-1],
        "patch_embeds_hidden_size": patches[0],
        "hidden_size": audio.shape("norm.weight")[0],
        "depths": [audio.count(f"layers.{stage}.blocks.") for stage in stages],
        "num_attention_heads": [audio.shape(bias.format(stage))[1] for stage in stages],
        "num_hidden_layers": len(stages),
        "enable_fusion": fusion,
        "fusion_type": "aff_2d" if fusion else None,
    }


def _text_config(text: State) -> dict[str, Any]:
    vocabulary, width = text.shape("embeddings.word_embeddings.weight")
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": text.count("encoder.layer."),
        "num_attention_heads": max(1, width // _HEAD_WIDTH),
        "intermediate_size": text.shape("encoder.layer.0.intermediate.dense.weight")[0],
        "max_position_embeddings": text.shape("embeddings.position_embeddings.weight")[0],
        "type_vocab_size": text.shape("embeddings.token_type_embeddings.weight")[0],
        "layer_norm_eps": 1e-5,
    }


def swin(audio: State) -> dict[str, Tensor]:
    """HTSAT by transformers' names; queries, keys and values come apart."""
    for prefix in _UNUSED:
        audio.under(prefix)
    weights = {}
    for name, weight in audio.renamed(_SWIN, prefix="audio_model.audio_encoder.").items():
        if name.endswith(".attn_mask"):
            continue
        if ".attn.qkv." not in name:
            weights[name] = weight
            continue
        for part, piece in zip(("query", "key", "value"), weight.chunk(3), strict=True):
            weights[name.replace(".attn.qkv.", f".attention.self.{part}.")] = piece
    return weights

"""Encoders from transformers: pictures, clips, spectrograms, waveforms. Floor: towers; registered as `transformers:ID`.

`transformers:facebook/dinov2-small` (a hub id) or `transformers:/a/directory` bring their weights as safetensors.
`transformers:videomae`, a kind of model, has random weights and the sizes that `config` gives. Of a dual encoder
(CLIP, CLAP) the image or audio half is taken, of an encoder-decoder (Whisper) the encoder.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.storage import card_licence
from binder.towers.image_networks import adapt_channels
from binder.towers.library import LibraryEncoder, building, by_frames, weights_origin

Pool = Literal["auto", "pooler", "first", "mean"]


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How a kind of model takes samples.

    Attributes:
        arrange: a batch of binder's tensors, in the axes that the model expects.
        settings: what its config says of the shape of a sample, where the weights are random.
        frames: whether a clip enters frame by frame, as pictures.
        mono: whether samples must have one channel; or four, where the config says `enable_fusion`.
        also: what else the model asks for, made from the batch.
        fix: which samples it takes, for messages.
    """

    arrange: Callable[[Tensor], Tensor]
    settings: Callable[[tuple[int, ...]], dict[str, Any]]
    frames: bool = False
    mono: bool = False
    also: Callable[[Tensor], dict[str, Tensor]] = lambda x: {}
    fix: str | None = None


def _image_settings(shape: tuple[int, ...]) -> dict[str, Any]:
    height, width = shape[-2:]
    return {"num_channels": shape[0], "image_size": height if height == width else [height, width]}


_PICTURE = _Kind(arrange=lambda x: x, settings=_image_settings, frames=True)
_CLIP = _Kind(
    arrange=lambda x: x.transpose(1, 2),  # (batch, time, channel, height, width)
    settings=lambda shape: {**_image_settings(shape), "num_frames": shape[1]},
)


def _is_longer(x: Float[Tensor, "batch view mel frame"]) -> dict[str, Tensor]:
    """CLAP fuses the views of a long sound; those of a short one are all equal, and only the first is read."""
    return {"is_longer": (x != x[:, :1]).flatten(1).any(1, keepdim=True)}


def _one_row(x: Float[Tensor, "batch *ones time"]) -> Float[Tensor, "batch time"]:
    if x[0].numel() != x.shape[-1]:
        raise ValueError(f"a waveform is one row of amplitudes, not {tuple(x.shape[1:])}")
    return x.flatten(1)


_WAVEFORM = _Kind(
    arrange=_one_row,
    settings=lambda shape: {},
    mono=True,
    fix="give audio the option front_end: waveform",
)
_KINDS = {
    "audio-spectrogram-transformer": _Kind(
        arrange=lambda x: x[:, 0].transpose(1, 2),
        settings=lambda shape: {"num_mel_bins": shape[1], "max_length": shape[2]},
        mono=True,
        fix="give audio the option front_end: ast",
    ),
    "clap_audio_model": _Kind(
        arrange=lambda x: x.transpose(2, 3),
        settings=lambda shape: {"audio_config": {"num_mel_bins": shape[1]}},
        mono=True,
        also=_is_longer,
        fix="give audio the option front_end: clap; front_end: clap_fused where the model's config says enable_fusion",
    ),
    "whisper": _Kind(
        arrange=lambda x: x[:, 0],
        settings=lambda shape: {"num_mel_bins": shape[1], "max_source_positions": shape[2] // 2},
        mono=True,
        fix="give audio the option front_end: whisper (and num_mels: 128 for large-v3)",
    ),
    **dict.fromkeys(("videomae", "vivit", "timesformer"), _CLIP),
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm", "data2vec-audio"), _WAVEFORM),
}
_WITH_PARTS = {"clap": "clap_audio_model"}  # kinds whose part names its kind only once it is built


class TransformersEncoder(LibraryEncoder):
    """A model of transformers, pooled; features are not normalised.

    Values enter as they are: a modality's tensor stands where the processor's output stood. A picture model takes
    other channels and sizes as `hub-copy` does; a clip has the mean features of its frames. Spectrograms enter as
    (1, mel, frame), waveforms as (1, time) or (1, 1, time), clips of video models as (channel, time, height, width).
    """

    def __init__(
        self,
        model: nn.Module,
        shape: tuple[int, ...],
        *,
        pool: Pool = "auto",
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        network = _part(model)
        super().__init__(_architecture(model, network, pool), origin)
        config: Any = network.config
        self.kind = _kind_of(network)
        channels = 4 if getattr(config, "enable_fusion", False) else 1
        if self.kind.mono and shape[0] != channels:
            raise ValueError(f"{config.model_type} takes {channels} channel(s) here, not {shape[0]}")
        if self.kind.frames and shape[0] != getattr(config, "num_channels", shape[0]):
            adapt_channels(network, shape[0])
        takes = inspect.signature(network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
        self.network, self.pool = network, pool
        self.measure(shape)

    def forward(self, x: Float[Tensor, "batch channel *axes"]) -> Float[Tensor, "batch features"]:
        return by_frames(self._features, x) if self.kind.frames else self._features(x)

    def _features(self, x: Tensor) -> Tensor:
        outputs = self.network(self.kind.arrange(x), **self.kind.also(x), **self.options)
        pooled: Any = getattr(outputs, "pooler_output", None)
        if self.pool == "pooler" or (self.pool == "auto" and pooled is not None):
            return pooled.flatten(1)  # convolutional models give (batch, width, 1, 1)
        hidden = outputs.last_hidden_state
        return hidden[:, 0] if self.pool == "first" else hidden.flatten(1, -2).mean(1)


def build_transformers(
    model: str,
    shape: tuple[int, ...],
    *,
    config: Mapping[str, Any] | None = None,
    pretrained: bool = True,
    revision: str | None = None,
    pool: Pool = "auto",
) -> TransformersEncoder:
    """Build `transformers:MODEL` for samples of `shape`.

    Args:
        model: hub id, directory, or a kind of model (`vit`, `audio-spectrogram-transformer`, `whisper`...).
        shape: of a sample.
        config: settings of the model that differ from its own; sizes of the sample are filled in where the
            weights are random and they are not given.
        pretrained: False takes the config of a hub id or directory alone.
        revision: of a hub id: branch, tag or commit.
        pool: `pooler` (what the model calls its pooled output), `first` token, `mean` over tokens; `auto` is
            the pooler's where there is one, else the mean.

    Raises:
        RegistryError: transformers is not installed, unknown model, a text model, weights that are missing in
            part, or samples of a shape that the model refuses.
    """
    name = f"transformers:{model}"
    if pool not in ("auto", "pooler", "first", "mean"):
        raise RegistryError.explain(f"encoder {name}", got=f"pool: {pool}", choices=("auto", "pooler", "first", "mean"))
    with building(name, shape, extra="transformers"):
        from transformers import CONFIG_MAPPING, AutoConfig, AutoModel

        if model in CONFIG_MAPPING:
            settings = AutoConfig.for_model(model, **_settings(model, shape, config or {}))
            return _fitted(name, AutoModel.from_config(settings), shape, pool)
        where: dict[str, Any] = {"revision": revision, "local_files_only": Path(model).is_dir()}
        with building(name, shape, fix=_near_kinds(model)):
            settings = AutoConfig.from_pretrained(model, **where, **(config or {}))
        if not pretrained:
            return _fitted(name, AutoModel.from_config(settings), shape, pool)
        network, report = AutoModel.from_pretrained(
            model, config=settings, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **where
        )
        _check_complete(name, report, pool)
        return _fitted(name, network, shape, pool, _origin(name, model, settings))


def rebuild_transformers(architecture: Mapping[str, Any], shape: tuple[int, ...]) -> TransformersEncoder:
    """The encoder of a checkpoint, with random weights that the checkpoint then replaces."""
    settings = dict(architecture["config"])
    with building(f"transformers:{settings['model_type']}", shape, extra="transformers"):
        from transformers import AutoConfig, AutoModel

        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        return TransformersEncoder(AutoModel.from_config(config), shape, pool=architecture["pool"])


def _fitted(
    name: str, model: Any, shape: tuple[int, ...], pool: Pool, origin: Mapping[str, Any] | None = None
) -> TransformersEncoder:
    """The encoder; where samples do not suit the model, the error says which do."""
    with building(name, shape, fix=_kind_of(_part(model)).fix):
        return TransformersEncoder(model, shape, pool=pool, origin=origin)


def _near_kinds(model: str) -> str | None:
    """What to say of a name that may be a misspelt kind of model: hub ids have a slash nowadays."""
    from transformers import CONFIG_MAPPING

    near = [] if "/" in model else difflib.get_close_matches(model, CONFIG_MAPPING, n=4)
    return f"kinds of models with such a name: {', '.join(near)}; or give a directory, or ORG/NAME" if near else None


def _kind_of(network: Any) -> _Kind:
    return _KINDS.get(network.config.model_type, _PICTURE)


def _part(model: Any) -> nn.Module:
    """The half of a dual encoder, or the encoder of an encoder-decoder, that reads samples."""
    for name in ("vision_model", "audio_model"):
        if hasattr(model, name) and hasattr(model, "text_model"):
            return getattr(model, name)
    network = model.get_encoder() if model.config.is_encoder_decoder else model
    if network.main_input_name == "input_ids":
        raise RegistryError.explain(
            f"{type(model).__name__} reads tokens",
            got="a text model",
            expected="a model of pictures, clips, spectrograms or waveforms",
            fix="text models are hubs: transformers:ID or sentence-transformers:ID; as a tower, wrap one in an "
            "nn.Module that takes the text modality's batches and name it module:Class",
        )
    return network


def _architecture(model: Any, network: Any, pool: Pool) -> dict[str, Any]:
    """JSON of the smallest model that AutoModel builds and that holds `network`."""
    from transformers import MODEL_MAPPING

    config = network.config if type(network.config) in MODEL_MAPPING else model.config
    return {"library": "transformers", "config": config.to_dict(), "pool": pool}


def _settings(model: str, shape: tuple[int, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, with the sizes of the sample where it is silent and the kind of model has such settings."""
    from transformers import CONFIG_MAPPING

    settings = dict(given)
    fields = CONFIG_MAPPING[model]().to_dict()
    for key, value in _KINDS.get(_WITH_PARTS.get(model, model), _PICTURE).settings(shape).items():
        if key in fields and isinstance(value, dict):
            settings[key] = {**value, **settings.get(key, {})}
        elif key in fields:
            settings.setdefault(key, value)
    return settings


def _check_complete(name: str, report: Any, pool: Pool) -> None:
    """Raise where transformers filled in weights that the checkpoint does not have.

    A pooler that is not used may be missing; so may the text half of a dual encoder.
    """
    unused = ("text_model.", "pooler.") if pool in ("first", "mean") else ("text_model.",)
    random = [str(key) for key in (*report["missing_keys"], *report.get("mismatched_keys", ()))]
    random = sorted(key for key in random if not key.startswith(unused))
    if random:
        raise RegistryError.explain(
            f"cannot load {name}",
            got=f"{len(random)} weights are missing or of another shape, e.g. {random[:3]}",
            expected="a checkpoint of the whole model; binder never starts from random weights unasked",
            fix="if only the pooler is missing, set pool: first or pool: mean",
        )


def _origin(name: str, model: str, settings: Any) -> dict[str, Any]:
    folder = Path(model)
    licence = card_licence(folder) if folder.is_dir() else None
    weights = folder / "model.safetensors" if folder.is_dir() else model
    return weights_origin(name, weights, commit=getattr(settings, "_commit_hash", None), licence=licence)

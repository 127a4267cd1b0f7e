"""Hubs from transformers: dual encoders such as CLIP and SigLIP. Floor: hub; registered as `transformers`.

`transformers:openai/clip-vit-base-patch32` (a hub id) or `transformers:/a/directory` written by
`save_pretrained`, which needs no network. Weights must be safetensors.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from binder.errors import HubError
from binder.hub.describe import (
    TruncationCounter,
    card_licence,
    check_complete,
    check_folder,
    check_texts,
    describe_tokenizer,
    hub_name,
    loading,
    local_folder,
    to_pil,
)
from binder.hub.protocol import FrozenHub
from binder.types import Sample

# Texts are padded to the full context where it is short: SigLIP was trained so and pools the last
# position, and for the others a vector then does not depend on the longest text of its batch.
_PAD_ALL_UP_TO = 128


class TransformersHub(FrozenHub):
    """A transformers model with `get_image_features` and `get_text_features`, frozen.

    Attributes:
        truncation: counts the texts that were longer than the context.
    """

    def __init__(self, model: str, *, revision: str | None = None) -> None:
        """Load a model and its processor.

        Args:
            model: hub id, or directory.
            revision: of a hub id: branch, tag or commit.

        Raises:
            HubError: transformers is not installed, no such model, not a dual encoder, or weights
                that are missing in part.
        """
        folder = local_folder(model)
        name = hub_name("transformers", model, folder)
        if folder is not None:
            check_folder(name, folder, needs="config.json")
        network, processor = _load(name, str(folder or model), revision, local=folder is not None)
        self._images, self._tokenizer = processor.image_processor, processor.tokenizer
        self._context_length = _context_length(network, self._tokenizer)
        self.truncation = TruncationCounter(name, self._context_length)
        super().__init__(
            name,
            network,
            native=("image", "text"),
            dim=_pooled(network.get_text_features(**self._tokenize(["a"]))).shape[-1],
            preprocessing={
                "image": _image_settings(self._images),
                "text": describe_tokenizer(
                    type(self._tokenizer).__name__,
                    self._tokenizer.get_vocab(),
                    lambda texts: self._tokenize(texts)["input_ids"],
                    self._context_length,
                ),
            },
            licence=card_licence(folder) if folder else None,
        )

    def prepare(self, modality: str, sample: Sample) -> Any:
        if modality == "image":
            return dict(self._images([to_pil(self.name, sample)], return_tensors="pt"))
        return sample

    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        if modality == "image":
            inputs = {name: self._place(torch.cat([one[name] for one in samples])) for name in samples[0]}
            return _pooled(self._model.get_image_features(**inputs))  # pyright: ignore[reportCallIssue]
        texts = check_texts(self.name, list(samples))
        self.truncation.note([len(tokens) for tokens in self._tokenizer(texts, verbose=False)["input_ids"]])
        inputs = {name: self._place(tensor) for name, tensor in self._tokenize(texts).items()}
        return _pooled(self._model.get_text_features(**inputs))  # pyright: ignore[reportCallIssue]

    def _image_network(self) -> tuple[dict[str, Any], nn.Module] | None:
        vision_model = getattr(self._model, "vision_model", None)
        if vision_model is None:
            return None
        parts = nn.ModuleDict({"vision_model": vision_model})
        projection = getattr(self._model, "visual_projection", None)  # CLIP has one, SigLIP has none
        if projection is not None:
            parts["visual_projection"] = projection
        return {
            "library": "transformers",
            "vision_config": vision_model.config.to_dict(),
            "projection": None if projection is None else list(projection.weight.shape),
        }, parts

    def _tokenize(self, texts: list[str]) -> Any:
        padding = "max_length" if self._context_length <= _PAD_ALL_UP_TO else "longest"
        return self._tokenizer(
            texts, padding=padding, truncation=True, max_length=self._context_length, return_tensors="pt"
        )


def _load(name: str, model: str, revision: str | None, *, local: bool) -> tuple[Any, Any]:
    expected = "a model id or a directory with config, processor and weights as safetensors"
    options = {"revision": revision, "local_files_only": local}
    with loading(name, extra="transformers", expected=expected):
        from transformers import AutoModel, AutoProcessor

        network, report = AutoModel.from_pretrained(model, use_safetensors=True, output_loading_info=True, **options)
        processor = AutoProcessor.from_pretrained(model, **options)
    check_complete(name, report)
    if not all(hasattr(network, method) for method in ("get_image_features", "get_text_features")):
        raise HubError.explain(
            f"cannot load {name}",
            got=type(network).__name__,
            expected="a dual encoder with get_image_features and get_text_features, such as CLIP or SigLIP",
        )
    return network, processor


def _image_settings(processor: Any) -> dict[str, Any]:
    """What the image processor does, without the class names and empty fields that vary between versions."""
    settings = json.loads(processor.to_json_string())
    keys = ("do_", "size", "crop_size", "image_mean", "image_std", "resample", "rescale_factor", "pad_size")
    return {key: value for key, value in _without_none(settings).items() if key.startswith(keys)}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return value


def _context_length(network: Any, tokenizer: Any) -> int:
    """The shorter of what the tokenizer and the position embeddings allow."""
    text = getattr(network.config, "text_config", network.config)
    positions = getattr(text, "max_position_embeddings", None)
    return min(tokenizer.model_max_length, positions or tokenizer.model_max_length)


def _pooled(features: Any) -> Tensor:
    """Version 5 returns an output object with the projected vectors as `pooler_output`; older ones the tensor."""
    return features if isinstance(features, Tensor) else features.pooler_output

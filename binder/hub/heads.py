"""Where a transformers model gives one vector per sample, and for which modalities. Floor: hub; for `transformers`.

Most models have `get_text_features`, `get_image_features` and the like. A family that has not, or whose answer is
not yet one vector, stands in `_FAMILIES` with the rule that makes it one.
"""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from binder.errors import HubError

Head = Callable[[Any, dict[str, Tensor]], Tensor]  # (model, its inputs) -> vectors of any length (n, dim)

MODALITIES = ("image", "audio", "video", "text")


def find_heads(network: Any) -> dict[str, Head]:
    """The heads of a loaded model, by modality, in the order of `MODALITIES`."""
    heads = _FAMILIES.get(network.config.model_type)
    if heads is None:
        heads = {name: _features(name) for name in MODALITIES if hasattr(network, f"get_{name}_features")}
    return {name: heads[name] for name in MODALITIES if name in heads}


def _features(modality: str, *, first: bool = False) -> Head:
    """`get_MODALITY_features`, of the inputs that it knows; with `first`, its vector of the first token."""

    def head(network: Any, inputs: dict[str, Tensor]) -> Tensor:
        method = getattr(network, f"get_{modality}_features")
        known = inspect.signature(method).parameters
        features = method(**{name: tensor for name, tensor in inputs.items() if name in known})
        # version 5 returns an output object with the projected vectors as `pooler_output`; older ones the tensor
        vectors = features if isinstance(features, Tensor) else features.pooler_output
        return vectors[:, 0] if first else _one_each(network, modality, vectors)

    return head


def _one_each(network: nn.Module, modality: str, vectors: Tensor) -> Tensor:
    if vectors.ndim != 2:
        raise HubError.explain(
            f"{type(network).__name__} gives several vectors per {modality}",
            got=f"shape {tuple(vectors.shape)}",
            expected="(samples, dim)",
            fix="use a model trained to compare single vectors",
        )
    return vectors


def _blip2_image(network: Any, inputs: dict[str, Tensor]) -> Tensor:
    """The mean of an image's unit query vectors.

    The model compares a text with all of them and takes the largest cosine [1, sec. 3.2]; a space needs one
    vector. The cosine to the mean ranks images by the average over queries instead.

    References:
        [1] J. Li et al., 2023, BLIP-2, arXiv:2301.12597.
    """
    seen = network.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
    queries = network.query_tokens.expand(len(seen), -1, -1)
    asked = network.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state
    return nn.functional.normalize(network.vision_projection(asked), dim=-1).mean(dim=1)


def _blip2_text(network: Any, inputs: dict[str, Tensor]) -> Tensor:
    """The first token's vector after the Q-Former without queries, projected."""
    states = network.qformer(
        query_embeds=network.embeddings(input_ids=inputs["input_ids"]),
        query_length=0,
        attention_mask=inputs["attention_mask"],
    ).last_hidden_state
    return network.text_projection(states[:, 0])


def _pe_text(head: str) -> Head:
    """PE-AV's text: the first token's last hidden state, through one of its text heads."""

    def vectors(network: Any, inputs: dict[str, Tensor]) -> Tensor:
        known = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        states = network.text_model(**known, output_hidden_states=True).hidden_states[-1]
        return getattr(network, head)(states[:, 0])

    return vectors


def _pe_audio(network: Any, inputs: dict[str, Tensor]) -> Tensor:
    part = getattr(network, "audio_model", network)
    known = {name: inputs[name] for name in ("input_values", "padding_mask")}
    return part.audio_head(part.audio_encoder(**known).pooler_output)


def _pe_video(network: Any, inputs: dict[str, Tensor]) -> Tensor:
    part = getattr(network, "video_model", network)
    return part.video_head(part.video_encoder(pixel_values_videos=inputs["pixel_values_videos"]).pooler_output)


# By model type. FLAVA's contrastive loss takes the first token (Singh et al., 2022, arXiv:2112.04482, sec. 3.2).
# PE-AV has a text head for sounds, one for videos, and one for both at once, which the joint model uses here: the
# other two serve pe_audio and pe_video, where texts meet nothing else (arXiv:2512.19687).
_FAMILIES: dict[str, dict[str, Head]] = {
    "blip-2": {"image": _blip2_image, "text": _blip2_text},
    "flava": {"image": _features("image", first=True), "text": _features("text", first=True)},
    "pe_audio": {"audio": _pe_audio, "text": _pe_text("text_audio_head")},
    "pe_video": {"video": _pe_video, "text": _pe_text("text_video_head")},
    "pe_audio_video": {"audio": _pe_audio, "video": _pe_video, "text": _pe_text("text_audio_video_head")},
}

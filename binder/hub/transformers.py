"""Hubs from transformers: texts and something else in one space. Floor: hub; registered as `transformers`.

`transformers:openai/clip-vit-base-patch32` (a hub id) or `transformers:/a/directory` written by
`save_pretrained`, which needs no network. Weights must be safetensors.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from binder.errors import HubError
from binder.hub.describe import check_folder, hub_name, load_checked, local_folder
from binder.hub.heads import Head, find_heads
from binder.hub.inputs import Inputs, TextInputs, audio_inputs, equal_shapes, image_inputs, video_inputs
from binder.hub.logits import read_logits
from binder.hub.protocol import FrozenHub
from binder.storage import card_licence
from binder.types import Sample

# SigLIP's own tokenizer lower-cases; SigLIP 2 was trained on lower case (Tschannen et al., 2025, arXiv:2502.14786),
# but the Gemma tokenizer that its checkpoints name keeps capitals, which costs points of accuracy.
_LOWER_CASE = ("siglip", "siglip2")
# Models whose image tower `hub-copy` can rebuild.
_COPYABLE = ("clip", "siglip", "chinese_clip")


class TransformersHub(FrozenHub):
    """A model of transformers that embeds texts and images, sounds or videos in one space, frozen.

    CLIP, SigLIP, SigLIP 2 (fixed and NaFlex), ALIGN, AltCLIP, Chinese-CLIP, MetaCLIP 2, FLAVA, CLAP,
    BLIP-2's contrastive head, PE-AV, and others that have `get_text_features` and its like.

    Native:
        text and image, audio or video, as the model has heads for them

    Quirks:
        SigLIP and SigLIP 2 get lower case. Contexts of up to 128 tokens are padded in full. BLIP-2's vector of a
        picture is the mean of its unit query vectors. CLAP's stretches of long sounds are fixed, not drawn. Sounds
        are read at the model's rate.

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
        expected = "a model id or a directory with config, processor and weights as safetensors"
        network, processor = load_checked(name, model, folder, revision, _load, extra="transformers", expected=expected)
        self._heads = _check_heads(name, network)
        texts = _text_inputs(name, network, processor.tokenizer)
        self.truncation = texts.truncation
        self._inputs = {modality: _inputs_of(name, modality, processor, texts) for modality in self._heads}
        with torch.no_grad():
            width = self._heads["text"](network, texts.batch(["a"])).shape[-1]
        super().__init__(
            name,
            network,
            native=tuple(self._heads),
            dim=width,
            preprocessing={modality: inputs.describe() for modality, inputs in self._inputs.items()},
            licence=card_licence(folder) if folder else None,
            reads={modality: inputs.reads for modality, inputs in self._inputs.items()},
            logits=read_logits(network),
        )

    def prepare(self, modality: str, sample: Sample) -> Any:
        return self._inputs[modality].prepare(sample)

    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        groups = equal_shapes(samples)
        parts = [self._vectors(modality, [samples[place] for place in group]) for group in groups]
        order = torch.tensor([place for group in groups for place in group])
        return torch.cat(parts)[order.argsort().to(parts[0].device)]

    def _vectors(self, modality: str, samples: list[Any]) -> Tensor:
        inputs = {name: self._place(tensor) for name, tensor in self._inputs[modality].batch(samples).items()}
        return self._heads[modality](self._model, inputs)

    def _image_network(self) -> tuple[dict[str, Any], nn.Module] | None:
        config: Any = self._model.config
        if config.model_type not in _COPYABLE:
            return None
        vision_model: Any = self._model.vision_model
        parts = nn.ModuleDict({"vision_model": vision_model})
        projection = getattr(self._model, "visual_projection", None)  # CLIP has one, SigLIP has none
        if projection is not None:
            parts["visual_projection"] = projection
        return {
            "library": "transformers",
            "vision_config": vision_model.config.to_dict(),
            "projection": None if projection is None else list(projection.weight.shape),
        }, parts


def _load(model: str, options: dict[str, Any]) -> tuple[tuple[Any, Any], Any]:
    from transformers import AutoConfig, AutoModel, AutoProcessor, Blip2ForImageTextRetrieval

    config = AutoConfig.from_pretrained(model, **options)
    # the automatic class of BLIP-2 is the one that talks, which has no contrastive head
    kind: Any = Blip2ForImageTextRetrieval if config.model_type == "blip-2" else AutoModel
    network, report = kind.from_pretrained(model, use_safetensors=True, output_loading_info=True, **options)
    return (network, AutoProcessor.from_pretrained(model, **options)), report


def _check_heads(name: str, network: Any) -> dict[str, Head]:
    heads = find_heads(network)
    if "text" not in heads or len(heads) < 2:
        raise HubError.explain(
            f"cannot load {name}",
            got=f"{type(network).__name__}, which embeds {', '.join(heads) or 'nothing by itself'}",
            expected="a dual encoder with get_image_features (or audio, video) and get_text_features, such as CLIP",
        )
    return heads


def _text_inputs(name: str, network: Any, tokenizer: Any) -> TextInputs:
    lowercase = network.config.model_type in _LOWER_CASE
    return TextInputs(name, tokenizer, _context_length(network, tokenizer), lowercase=lowercase)


def _inputs_of(name: str, modality: str, processor: Any, texts: TextInputs) -> Inputs:
    match modality:
        case "text":
            return texts
        case "image":
            return image_inputs(name, processor.image_processor)
        case "audio":
            return audio_inputs(name, processor.feature_extractor)
        case _:
            return video_inputs(name, processor.video_processor)


def _context_length(network: Any, tokenizer: Any) -> int:
    """The shorter of what the tokenizer and the position embeddings allow."""
    text = getattr(network.config, "qformer_config", getattr(network.config, "text_config", network.config))
    positions = getattr(text, "max_position_embeddings", None)
    if positions is None:
        return tokenizer.model_max_length
    # RoBERTa and its kin (AltCLIP, CLAP) count positions from the padding token's on
    shifted = any(hasattr(module, "create_position_ids_from_input_ids") for module in network.modules())
    return min(tokenizer.model_max_length, positions - (tokenizer.pad_token_id + 1 if shifted else 0))

"""Hubs from open_clip: image and text towers of one model. Floor: hub; registered as `open_clip`.

`open_clip:ViT-B-32/laion2b_s34b_b79k` (architecture/pretrained tag), `open_clip:hf-hub:org/model`, or
`open_clip:/a/directory` with open_clip_config.json and weights as safetensors, which needs no network.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import Tensor, nn

from binder.errors import HubError
from binder.hub.describe import (
    TruncationCounter,
    check_folder,
    check_texts,
    describe_tokenizer,
    hub_name,
    loading,
    local_folder,
    to_pil,
)
from binder.hub.logits import read_logits
from binder.hub.protocol import FrozenHub
from binder.storage import card_licence
from binder.types import Sample

_CONFIG = "open_clip_config.json"
_LOCAL, _REMOTE = "local-dir:", "hf-hub:"
# The names that open_clip prefers to any pickle beside them.
_SAFE_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")


class OpenClipHub(FrozenHub):
    """An open_clip model, frozen; embeds `image` and `text`.

    CLIP, OpenCLIP, EVA-CLIP, MetaCLIP, SigLIP, SigLIP 2, MobileCLIP, PE-core, CoCa and every other architecture
    that the installed open_clip lists.

    Native:
        image, text

    Quirks:
        A text longer than the context is cut, counted and said once. A name needs its pretrained tag. A folder's
        weights must be safetensors under a name that open_clip prefers to pickles.

    Attributes:
        truncation: counts the texts that were longer than the context.
    """

    def __init__(self, model: str, *, random_init: int | None = None, cache_dir: str | None = None) -> None:
        """Load a model.

        Args:
            model: NAME/TAG, `hf-hub:ORG/NAME`, or a directory (`local-dir:` may stand before it).
            random_init: seed; load no weights at all. For tests: the vectors mean nothing.
            cache_dir: where open_clip keeps downloads; default: its own place.

        Raises:
            HubError: unknown name or tag, no tag, incomplete directory, or weights that cannot be had.
        """
        name = hub_name("open_clip", model, _folder(model))
        reference, tag = _resolve(name, model, random_init is not None)
        self._reference = reference
        network = _load(name, reference, tag, random_init, cache_dir)
        self._pixels = image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), is_train=False)
        self._tokenizer = open_clip.get_tokenizer(reference, cache_dir=cache_dir)
        length = self._tokenizer.context_length
        assert length is not None, "open_clip gives every tokenizer a context length"
        self.truncation = TruncationCounter(name, length)
        super().__init__(
            name,
            network,
            native=("image", "text"),
            dim=_width(network, self._tokenizer),
            preprocessing={
                "image": network.visual.preprocess_cfg,
                "text": describe_tokenizer(
                    type(self._tokenizer).__name__, _vocabulary(self._tokenizer), self._tokenizer, length
                ),
            },
            licence=card_licence(Path(reference.removeprefix(_LOCAL))) if reference.startswith(_LOCAL) else None,
            logits=read_logits(network),
        )

    def prepare(self, modality: str, sample: Sample) -> Any:
        if modality == "image":
            return self._pixels(to_pil(self.name, sample))  # pyright: ignore[reportCallIssue]
        return sample

    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        if modality == "image":
            pixels = self._place(torch.stack(list(samples)))
            return self._model.encode_image(pixels)  # pyright: ignore[reportCallIssue]
        texts = check_texts(self.name, list(samples))
        self.truncation.note([_num_tokens(self._tokenizer, text) for text in texts])
        return self._model.encode_text(self._place(self._tokenizer(texts)))  # pyright: ignore[reportCallIssue]

    def _image_network(self) -> tuple[dict[str, Any], nn.Module]:
        plain = ":" not in self._reference  # open_clip spells its own names without slashes
        config = open_clip.get_model_config(self._reference.replace("/", "-") if plain else self._reference)
        assert config is not None, "the model was built from it"
        architecture = {
            "library": "open_clip",
            "embed_dim": config["embed_dim"],
            "vision_cfg": {**config["vision_cfg"], "output_tokens": False},  # CoCa's would come with every patch
            "quick_gelu": config.get("quick_gelu", False),
        }
        return architecture, self._model.visual  # pyright: ignore[reportReturnType]


def _folder(model: str) -> Path | None:
    """The directory that a model name means, absolute."""
    if model.startswith(_LOCAL):
        return Path(model.removeprefix(_LOCAL)).expanduser().absolute()
    return local_folder(model)


def _resolve(name: str, model: str, random: bool) -> tuple[str, str | None]:
    """The model name in open_clip's own spelling, and the tag where it takes one."""
    if model.startswith(_REMOTE):
        return model, None
    folder = _folder(model)
    if folder is not None:
        _check_folder(name, folder, random)
        return f"{_LOCAL}{folder}", None
    architecture, _, tag = model.rpartition("/")
    if random and not tag_known(architecture, tag):
        architecture, tag = model, ""
    if not architecture and not random:
        architecture, tag = tag, ""
    if open_clip.get_model_config(architecture.replace("/", "-")) is None:
        raise HubError.explain(
            f"cannot load {name}",
            got=f"architecture {architecture!r}",
            choices=difflib.get_close_matches(architecture, open_clip.list_models(), n=6, cutoff=0.3),
            fix="see open_clip.list_models(), or give a directory",
        )
    if not random and not tag_known(architecture, tag):
        raise HubError.explain(
            f"cannot load {name}",
            got=f"pretrained tag {tag!r}" if tag else "no pretrained tag",
            choices=open_clip.list_pretrained_tags_by_model(architecture),
            fix=f"write open_clip:{architecture}/TAG; binder never starts from random weights unasked",
        )
    return architecture, None if random else tag


def tag_known(architecture: str, tag: str) -> bool:
    """Whether open_clip has weights under this tag for this architecture."""
    return bool(tag) and open_clip.is_pretrained_cfg(architecture, tag)


def _check_folder(name: str, folder: Path, random: bool) -> None:
    if random and (folder / _CONFIG).is_file():
        return
    check_folder(name, folder, needs=_CONFIG)
    pickles = sorted(path.name for pattern in ("*.bin", "*.pth") for path in folder.glob(pattern))
    if pickles and not any((folder / safe).is_file() for safe in _SAFE_NAMES):
        raise HubError.explain(
            f"cannot load {name}",
            got=f"{pickles}, which open_clip prefers to the safetensors in {folder}",
            expected=_SAFE_NAMES[0],
            fix="rename the safetensors file, or remove the pickles",
        )


def _load(name: str, reference: str, tag: str | None, random_init: int | None, cache_dir: str | None) -> Any:
    fix = f"check the name and the network; without network, give a directory with {_CONFIG} and {_SAFE_NAMES[0]}"
    with loading(name, expected="a model that open_clip can build, with weights that fit it", fix=fix):
        if random_init is None:
            return open_clip.create_model(reference, tag, require_pretrained=True, cache_dir=cache_dir)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_init)
            return open_clip.create_model(reference, load_weights=False, pretrained_text=False, cache_dir=cache_dir)


@torch.inference_mode()
def _width(network: nn.Module, tokenizer: Any) -> int:
    """Width of the shared space: asked of the model, because architectures name it differently."""
    was_training = network.training
    width = network.eval().encode_text(tokenizer(["a"])).shape[-1]  # pyright: ignore[reportCallIssue]
    network.train(was_training)
    return width


def _vocabulary(tokenizer: Any) -> dict[str, int]:
    return tokenizer.encoder if hasattr(tokenizer, "encoder") else tokenizer.tokenizer.get_vocab()


def _num_tokens(tokenizer: Any, text: str) -> int:
    if hasattr(tokenizer, "encoder"):
        return len(tokenizer.encode(text)) + 2  # start and end of text
    return len(tokenizer.tokenizer(text).input_ids)

"""Hubs from timm: image encoders. Floor: hub; registered as `timm`.

`timm:vit_small_patch14_dinov2.lvd142m` (architecture, and after the dot the pretrained tag), `timm:hf-hub:org/model`,
and without network `timm:vit_small_patch14_dinov2@/a/file.safetensors`, or `timm:/a/directory` with config.json and
weights as safetensors, as timm's `save_for_hf` writes it. Texts and anything else meet its pictures through towers.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from binder.errors import HubError
from binder.hub.describe import check_folder, hub_name, loading, local_folder, to_pil
from binder.hub.protocol import FrozenHub
from binder.storage import card_licence
from binder.types import Sample

_REMOTE = "hf-hub:"
_RGB = 3


class TimmHub(FrozenHub):
    """An image encoder of timm without its classifier, frozen; embeds `image`.

    Native:
        image

    Quirks:
        Pictures are prepared as the data configuration of the weights says. Texts meet them through a tower.
    """

    def __init__(self, model: str, *, random_init: int | None = None, cache_dir: str | None = None) -> None:
        """Load a model; pictures are prepared as timm's own data configuration of these weights says.

        Args:
            model: NAME or NAME.TAG, with @FILE.safetensors behind it where the weights are yours;
                `hf-hub:ORG/NAME`; or a directory.
            random_init: seed; load no weights at all. For tests: the vectors mean nothing.
            cache_dir: where timm keeps downloads; default: its own place.

        Raises:
            HubError: unknown name or tag, no weights, weights missing in part, or pictures that are not RGB.
        """
        folder = None if model.startswith(_REMOTE) else local_folder(model)
        model, weights = _split_file(model)
        name = hub_name("timm", f"{model}@{weights}" if weights else model, folder)
        network = _load(name, model, folder, weights, random_init, cache_dir)
        from timm.data.config import resolve_model_data_config
        from timm.data.transforms_factory import create_transform

        config = resolve_model_data_config(network)
        if config["input_size"][0] != _RGB:
            raise HubError.explain(f"{name} takes no RGB pictures", got=f"input {config['input_size']}")
        self._pixels: Any = create_transform(**config, is_training=False)
        super().__init__(
            name,
            network,
            native=("image",),
            dim=_width(name, network, config["input_size"]),
            preprocessing={"image": config},
            licence=card_licence(folder) if folder else network.pretrained_cfg.get("license"),
        )

    def prepare(self, modality: str, sample: Sample) -> Tensor:
        return self._pixels(to_pil(self.name, sample))

    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        return self._model(self._place(torch.stack(list(samples))))


def _split_file(model: str) -> tuple[str, Path | None]:
    """Architecture and file of NAME@FILE.safetensors, the file by its absolute path."""
    architecture, at, file = model.partition("@")
    if not at or Path(file).suffix != ".safetensors":  # of hf-hub:ORG/NAME@REVISION, too
        return model, None
    return architecture, Path(file).expanduser().absolute()


def _load(
    name: str,
    model: str,
    folder: Path | None,
    weights: Path | None,
    random_init: int | None,
    cache_dir: str | None,
) -> Any:
    """The network without its classifier. It is loaded with it: without, timm would let weights be missing."""
    import timm

    options: dict[str, Any] = {"pretrained": random_init is None, "cache_dir": cache_dir}
    if folder is not None:
        check_folder(name, folder, needs="config.json")
    elif not model.startswith(_REMOTE):
        _check_name(name, model, pretrained=weights is None and random_init is None)
    if weights is not None:
        options |= _from_file(name, model, weights)
    fix = "check the name and the network; without network, give a directory, or NAME@FILE.safetensors"
    with (
        loading(name, expected="a model that timm can build, with weights that fit it", fix=fix),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(random_init or 0)
        network = timm.create_model(f"local-dir:{folder}" if folder else model, **options)
    network.reset_classifier(0)  # pyright: ignore[reportCallIssue]
    return network


def _check_name(name: str, model: str, *, pretrained: bool) -> None:
    import timm

    if not timm.is_model(model):
        close = difflib.get_close_matches(model, timm.list_models(), n=6, cutoff=0.3)
        fix = "see timm.list_models(), or give a directory"
        raise HubError.explain(f"cannot load {name}", got=f"architecture {model!r}", choices=close, fix=fix)
    architecture, _, tag = model.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if pretrained and (not tags or (tag and tag not in tags)):
        raise HubError.explain(
            f"cannot load {name}",
            got=f"pretrained tag {tag!r}" if tag else "an architecture without pretrained weights",
            choices=tags,
            fix="choose a tag, or write NAME@FILE.safetensors; binder never starts from random weights unasked",
        )


def _from_file(name: str, model: str, weights: Path) -> dict[str, Any]:
    """Options that load `weights`, with as many classes as the file has."""
    from timm.models import get_pretrained_cfg

    if not weights.is_file():
        raise HubError.explain(f"cannot load {name}", got=f"no file {weights}", fix="check the path")
    known = get_pretrained_cfg(model)
    classifier = f"{known.classifier}.weight" if known is not None else ""
    with safe_open(weights, "pt") as file:
        classes = file.get_slice(classifier).get_shape()[0] if classifier in file.keys() else 0
    return {"num_classes": classes, "pretrained_cfg_overlay": {"file": str(weights), "num_classes": classes}}


@torch.no_grad()
def _width(name: str, network: nn.Module, input_size: Sequence[int]) -> int:
    """Width of a vector: asked of the model, because pooling and heads change it."""
    vectors = network.eval()(torch.zeros(1, *input_size))
    if vectors.ndim != 2:
        raise HubError.explain(f"{name} gives no single vector", got=f"shape {tuple(vectors.shape)}")
    return vectors.shape[1]

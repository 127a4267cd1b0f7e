"""Encoders from timm, for samples that look like pictures. Floor: towers; registered as `timm:NAME`.

`timm:vit_tiny_patch16_224` has random weights, with `pretrained: true` the published ones, with
`pretrained: PATH` those of a safetensors file. `timm:/a/directory` and `timm:hf-hub:ORG/NAME` bring theirs.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.storage import card_licence
from binder.towers.library import (
    LibraryEncoder,
    building,
    by_frames,
    pad_to_multiple,
    weights_origin,
)

_LOCAL, _REMOTE = "local-dir:", "hf-hub:"


class TimmEncoder(LibraryEncoder):
    """A timm network without its classifier: pooled features as timm gives them, not normalised.

    Values enter as they are: a modality's tensor stands where normalised pixels stood. timm adapts the first
    layer of pretrained weights to other numbers of channels (one channel gets the sum of the RGB kernels).
    Networks for one size of picture get the size of the samples, padded with zeros to whole patches, and
    interpolated position embeddings; the others take any size. A clip has the mean features of its frames.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Mapping[str, Any],
        shape: tuple[int, ...],
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(architecture, origin)
        network.reset_classifier(0)  # pyright: ignore[reportCallIssue]
        self.multiple = _fit_size(network, shape[-2:])
        self.network = network
        self.measure(shape)

    def forward(self, x: Float[Tensor, "batch channel *time height width"]) -> Float[Tensor, "batch features"]:
        return by_frames(lambda frames: self.network(pad_to_multiple(frames, self.multiple)), x)


def build_timm(
    model: str, shape: tuple[int, ...], *, pretrained: bool | str | None = None, **options: Any
) -> TimmEncoder:
    """Build `timm:MODEL` for samples of `shape`.

    Args:
        model: a name of timm, perhaps with a tag; `hf-hub:ORG/NAME`; or a directory with config.json and
            model.safetensors, as timm saves it.
        shape: of a sample, (channel, height, width), perhaps with time after channel.
        pretrained: whether to load weights, or a safetensors file to load; None for what the module's
            docstring says.
        options: of `timm.create_model`, e.g. drop_path_rate.

    Raises:
        RegistryError: unknown model or option, or weights that cannot be had or do not fit.
    """
    name = f"timm:{model}"
    with building(name, shape):
        import timm
        from timm.models import resolve_model_input_args

        source, folder = _source(model)
        if folder is None and not source.startswith(_REMOTE):
            _check_name(name, source)
        settings = resolve_model_input_args(source, **options)
        config = settings.pop("pretrained_cfg")
        settings["in_chans"] = shape[0]
        load = source.startswith((_LOCAL, _REMOTE)) if pretrained is None else pretrained
        overlay = _safe_file(name, load) if isinstance(load, str) else None
        if folder is not None and load is True:
            _safe_file(name, str(folder / "model.safetensors"))
        network = timm.create_model(
            **settings, pretrained=bool(load), pretrained_cfg=config, pretrained_cfg_overlay=overlay
        )
        own = ("model_name", "in_chans", "pretrained_model_args")
        kept = {key: value for key, value in settings.items() if key not in own}
        architecture = {"library": "timm", "model": settings["model_name"], "options": kept}
        return TimmEncoder(network, architecture, shape, _origin(name, load, folder, config) if load else None)


def rebuild_timm(architecture: Mapping[str, Any], shape: tuple[int, ...]) -> TimmEncoder:
    """The encoder of a checkpoint, with random weights that the checkpoint then replaces."""
    with building(f"timm:{architecture['model']}", shape):
        import timm

        network = timm.create_model(architecture["model"], in_chans=shape[0], **architecture["options"])
        return TimmEncoder(network, architecture, shape)


def _source(model: str) -> tuple[str, Path | None]:
    """The name in timm's own spelling, and the directory if it is one."""
    path = Path(model.removeprefix(_LOCAL)).expanduser()
    if model.startswith((_LOCAL, "/", "./", "../", "~")) or path.is_dir():
        return f"{_LOCAL}{path}", path
    return model, None


def _check_name(name: str, model: str) -> None:
    import timm

    if not timm.is_model(model):
        raise RegistryError.explain(
            f"cannot build encoder {name}",
            got=f"model {model!r}",
            choices=difflib.get_close_matches(model, timm.list_models(), n=6, cutoff=0.3),
            fix="see timm.list_models(), or give a directory or hf-hub:ORG/NAME",
        )


def _safe_file(name: str, file: str) -> dict[str, str]:
    """Only safetensors: timm would load a pickle as well."""
    path = Path(file).expanduser()
    if path.suffix != ".safetensors" or not path.is_file():
        raise RegistryError.explain(
            f"cannot load the weights of {name}", got=path, expected="an existing file of safetensors"
        )
    return {"file": str(path)}


def _origin(name: str, load: bool | str, folder: Path | None, config: Mapping[str, Any]) -> dict[str, Any]:
    facts = {key: config.get(key) for key in ("tag", "hf_hub_id", "origin_url")}
    if folder is not None:
        facts["licence"] = card_licence(folder)
    weights = load if isinstance(load, str) else folder / "model.safetensors" if folder is not None else name
    return weights_origin(name, weights, **{"licence": config.get("license"), **facts})


def _fit_size(network: Any, size: tuple[int, ...]) -> tuple[int, int]:
    """Let a network of patches take `size`, padded to whole patches: the multiple that is returned."""
    patches: Any = getattr(network, "patch_embed", None)
    if not hasattr(patches, "feat_ratio") or not hasattr(network, "set_input_size"):
        return 1, 1
    rows, columns = patches.feat_ratio(as_scalar=False)
    network.set_input_size(img_size=(size[0] + -size[0] % rows, size[1] + -size[1] % columns))
    return rows, columns

"""Finds and builds the encoder that options name. Floor: towers; called by `build_tower`."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor, nn

from binder.config import closed_form_of
from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.registry import load_object
from binder.towers.library import LibraryEncoder
from binder.towers.parts import one_by_one
from binder.towers.timm_encoder import build_timm, rebuild_timm
from binder.towers.transformers_encoder import build_transformers, rebuild_transformers

DEFAULT, HUB_COPY, RAW = "default", "hub-copy", "raw"


class RawFeatures(nn.Module):
    """Transformed samples averaged over a coarse grid and flattened: what a closed form can do without an encoder.

    Args:
        shape: of one transformed sample, (channel, ...) with one to three more axes.
        grid: cells along each of these axes, or the axis itself where it is shorter.
    """

    def __init__(self, shape: tuple[int, ...], *, grid: int = 8) -> None:
        super().__init__()
        cells = [min(grid, size) for size in shape[1:]]
        self.pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[len(cells) - 1](cells)  # pyright: ignore[reportArgumentType]
        self.width = shape[0] * math.prod(cells)

    def forward(self, x: Float[Tensor, "batch channel *axes"]) -> Float[Tensor, "batch features"]:
        return self.pool(x).flatten(1)


def encoder_options(encoder: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Name and options of the network; those of its features for a closed form.

    Raises:
        RegistryError: options that a closed form does not have.
    """
    options = dict(encoder or {})
    try:
        closed_form = closed_form_of(options)
    except ValidationError as error:
        raise RegistryError.explain("encoder closed_form refuses its options", got=error) from None
    # configs and checkpoints know lists, networks take tuples
    options = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in (options if closed_form is None else closed_form.encoder).items()
    }
    return str(options.pop("name", DEFAULT)), options


def build_encoder(
    spec: ModalitySpec, name: str, options: Mapping[str, Any], architecture: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build a network that needs no hub.

    Args:
        spec: the modality.
        name: `default` (the modality's own), `raw`, `timm:MODEL`, `transformers:MODEL`, or `module:OBJECT`.
        options: of that network.
        architecture: of a saved `LibraryEncoder`; it is rebuilt from that alone, with random weights.

    Raises:
        RegistryError: it cannot be found or refuses its options.
    """
    if architecture is not None:
        return _rebuild(spec, name, architecture)
    network = _network(spec, name)
    try:
        encoder = network(**options)
        return one_by_one(encoder, spec) if isinstance(encoder, LibraryEncoder | RawFeatures) else encoder
    except (TypeError, ValueError) as error:
        raise RegistryError.explain(
            f"encoder {name!r} of {spec.name} refuses its options",
            got=f"{dict(options)} ({error})",
            choices=_named_options(network),
            fix="see the modality's README",
        ) from error


def _named_options(network: Callable[..., nn.Module]) -> list[str] | None:
    """The options of a network, as far as its signature names them."""
    parameters = inspect.signature(network).parameters.values()
    return [one.name for one in parameters if one.kind is not one.VAR_KEYWORD] or None


def _network(spec: ModalitySpec, name: str) -> Callable[..., nn.Module]:
    """What makes the encoder `name`, given its options."""
    if name == RAW:
        return partial(RawFeatures, _shape_of(spec))
    if name == DEFAULT:
        return spec.encoder
    library, _, model = name.partition(":")
    if library in _LIBRARIES:
        build, _, axes = _LIBRARIES[library]
        return partial(build, model, sample_shape(spec, name, axes=axes))
    if not model:
        raise RegistryError.explain(
            f"no such encoder for {spec.name}",
            got=name,
            choices=[DEFAULT, HUB_COPY, RAW, "closed_form", *(f"{one}:MODEL" for one in _LIBRARIES), "module:OBJECT"],
        )
    return load_object(name)


def _rebuild(spec: ModalitySpec, name: str, architecture: Mapping[str, Any]) -> nn.Module:
    _, rebuild, axes = _LIBRARIES[architecture["library"]]
    return one_by_one(rebuild(architecture, sample_shape(spec, name, axes=axes)), spec)


_LIBRARIES = {
    "timm": (build_timm, rebuild_timm, (3, 4)),
    "transformers": (build_transformers, rebuild_transformers, (2, 3, 4)),
}


def sample_shape(spec: ModalitySpec, name: str, *, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a modality's tensors, for the encoder `name` that takes such numbers of axes.

    Raises:
        RegistryError: samples of any length, or of another number of axes.
    """
    shape, fixed = _measure(spec)
    if not fixed:
        raise RegistryError.explain(
            f"{name} takes {spec.name} of one size",
            got="samples of any length, in padded batches",
            fix="give the modality a length policy, e.g. length: crop_or_pad, or use another encoder",
        )
    if len(shape) not in axes:
        raise RegistryError.explain(
            f"{spec.name} does not look like an image" if min(axes) > 2 else f"{name} cannot take {spec.name}",
            got=f"tensors of shape {shape}",
            expected="(channel, height, width), perhaps with time after channel"
            + (", or (channel, time)" if 2 in axes else ""),
            fix=f"use another encoder than {name}",
        )
    return shape


def _measure(spec: ModalitySpec) -> tuple[tuple[int, ...], bool]:
    """Shape of a transformed sample, and whether all samples have it: those of any length are padded in a dict.

    Where samples come in parts, that of a part.
    """
    sample = spec.transform(spec.load(spec.synthetic(0)))
    if spec.in_parts:
        return tuple(sample.shape[1:]), True
    return tuple(sample.shape), not isinstance(spec.collate([sample]), dict)


def _shape_of(spec: ModalitySpec) -> tuple[int, ...]:
    shape, fixed = _measure(spec)
    if not 2 <= len(shape) <= 4 or not fixed:
        raise RegistryError.explain(
            f"{spec.name} has no raw features",
            got=f"tensors of shape {shape}" + ("" if fixed else ", other samples of another"),
            expected="(channel, ...) with one to three more axes, the same for every sample",
            fix="give closed_form the features of an encoder, e.g. features: default",
        )
    return shape

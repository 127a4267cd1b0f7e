"""Finds and builds the encoder that options name. Floor: towers; called by `build_tower`."""

import math
from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor, nn

from binder.config import closed_form_of
from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.registry import load_object

HUB_COPY, RAW = "hub-copy", "raw"


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
    return str(options.pop("name", "default")), options


def build_encoder(spec: ModalitySpec, name: str, options: Mapping[str, Any]) -> nn.Module:
    """Build a network that needs no hub.

    Args:
        spec: the modality.
        name: `default` (the modality's own), `raw`, or `module:OBJECT`.
        options: of that network.

    Raises:
        RegistryError: it cannot be found or refuses its options.
    """
    try:
        if name == RAW:
            return RawFeatures(_shape_of(spec), **options)
        return (spec.encoder if name == "default" else load_object(name))(**options)
    except (TypeError, ValueError) as error:
        raise RegistryError.explain(
            f"encoder {name!r} of {spec.name} refuses its options",
            got=f"{dict(options)} ({error})",
            fix="see the modality's README",
        ) from error


def sample_shape(spec: ModalitySpec) -> tuple[tuple[int, ...], bool]:
    """Shape of a transformed sample, and whether all samples have it: those of any length are padded in a dict."""
    sample = spec.transform(spec.load(spec.synthetic(0)))
    return tuple(sample.shape), not isinstance(spec.collate([sample]), dict)


def _shape_of(spec: ModalitySpec) -> tuple[int, ...]:
    shape, fixed = sample_shape(spec)
    if not 2 <= len(shape) <= 4 or not fixed:
        raise RegistryError.explain(
            f"{spec.name} has no raw features",
            got=f"tensors of shape {shape}",
            expected="(channel, ...) with one to three more axes",
            fix="give closed_form the features of an encoder, e.g. features: default",
        )
    return shape

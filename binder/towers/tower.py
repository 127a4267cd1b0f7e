"""The tower of one modality. Floor: towers; built by the trainer and the space."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.registry import load_object
from binder.types import Batch

HeadName = Literal["linear", "mlp"]


class Tower(nn.Module):
    """Encoder, projection head and L2 norm; no temperature inside.

    Args:
        spec: the modality whose batches it takes.
        encoder: batch -> (n, width) features, with an int attribute `width`.
        dim: width of the hub's vectors.
        head: `linear` (ImageBind's choice), or `mlp` with one hidden layer.
    """

    def __init__(self, spec: ModalitySpec, encoder: nn.Module, dim: int, *, head: HeadName = "linear") -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.head = _build_head(head, _width_of(encoder), dim)
        self.dim = dim

    def forward(self, batch: Batch) -> Float[Tensor, "sample {self.dim}"]:
        """Unit vectors, float32, whatever precision the encoder ran in."""
        return nn.functional.normalize(self.head(self.encoder(batch)).float(), dim=-1)


def build_tower(
    spec: ModalitySpec,
    dim: int,
    *,
    encoder: Mapping[str, Any] | None = None,
    head: HeadName = "linear",
    seed: int = 0,
) -> Tower:
    """Build a tower with random weights that depend on `seed` alone.

    Args:
        spec: the modality.
        dim: width of the hub's vectors.
        encoder: options of the encoder; `name` is `default` (the modality's own) or `module:OBJECT`,
            called with the other options.
        head: kind of projection.
        seed: of the initial weights; the caller's random state is left as it was.

    Raises:
        RegistryError: the encoder cannot be found or refuses its options.
    """
    # configs and checkpoints know lists, networks take tuples
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in (encoder or {}).items()}
    name = str(options.pop("name", "default"))
    factory = spec.encoder if name == "default" else load_object(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = factory(**options)
        except (TypeError, ValueError) as error:
            raise RegistryError.explain(
                f"encoder {name!r} of {spec.name} refuses its options",
                got=f"{options} ({error})",
                fix="see the modality's README",
            ) from error
        return Tower(spec, network, dim, head=head)


def _build_head(name: HeadName, width: int, dim: int) -> nn.Module:
    if name == "linear":
        return nn.Linear(width, dim)
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim))


def _width_of(encoder: nn.Module) -> int:
    width = getattr(encoder, "width", None)
    if not isinstance(width, int):
        raise RegistryError.explain(
            "encoder without a width",
            got=f"{type(encoder).__name__}.width = {width!r}",
            expected="an int: the number of features it returns",
        )
    return width

"""The tower of one modality. Floor: towers; built by the trainer and the space."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.towers.encoders import HUB_COPY, build_encoder, encoder_options
from binder.towers.hub_copy import ImageHub, copy_hub, rebuild_copy, start_as_hub
from binder.towers.library import LibraryEncoder, keep_statistics
from binder.towers.parts import one_by_one, width_of
from binder.types import Batch

HeadName = Literal["linear", "mlp"]


class Tower(nn.Module):
    """Encoder, projection head and L2 norm; no temperature inside.

    Args:
        spec: the modality whose batches it takes.
        encoder: batch -> (n, width) features, with an int attribute `width`.
        dim: width of the hub's vectors.
        head: `linear` (ImageBind's choice), or `mlp` with one hidden layer.

    Attributes:
        learning: paths of the encoder's modules that learn; None where all do. The others stay in evaluation
            mode when the tower trains: no dropout, no new statistics, in what does not change.
        origin: JSON of where the encoder's first weights come from; None where they were random.
    """

    def __init__(self, spec: ModalitySpec, encoder: nn.Module, dim: int, *, head: HeadName = "linear") -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.head = _build_head(head, width_of(encoder), dim)
        self.dim = dim
        self.learning: tuple[str, ...] | None = None
        self.origin: dict[str, Any] | None = None

    def forward(self, batch: Batch) -> Float[Tensor, "sample {self.dim}"]:
        """Unit vectors, float32, whatever precision the encoder ran in."""
        return nn.functional.normalize(self.head(self.encoder(batch)).float(), dim=-1)

    def train(self, mode: bool = True) -> "Tower":
        super().train(mode)
        if self.learning is not None:
            self.encoder.eval()
            for path in self.learning:
                self.encoder.get_submodule(path).train(mode)
        if isinstance(self.encoder, LibraryEncoder):
            keep_statistics(self.encoder)
        return self


def build_tower(
    spec: ModalitySpec,
    dim: int,
    *,
    encoder: Mapping[str, Any] | None = None,
    head: HeadName = "linear",
    seed: int = 0,
    hub: ImageHub | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> Tower:
    """Build a tower as it is before training; random weights depend on `seed` alone.

    Args:
        spec: the modality.
        dim: width of the hub's vectors.
        encoder: options of the encoder; `name` is `default` (the modality's own), `raw`, `hub-copy`, `timm:MODEL`,
            `transformers:MODEL`, `module:OBJECT`, called with the other options, or `closed_form`, which stands for
            its features.
        head: kind of projection.
        seed: of the initial weights; the caller's random state is left as it was.
        hub: whose image tower `hub-copy` copies.
        architecture: of another library's network (`LibraryEncoder`) whose weights will be loaded; neither the hub
            nor the weights it started from are needed then.

    Raises:
        RegistryError: the encoder cannot be found or refuses its options.
        HubError: the hub has no image tower to copy.
    """
    name, options = encoder_options(encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name != HUB_COPY:
            return _with_origin(Tower(spec, build_encoder(spec, name, options, architecture), dim, head=head))
        if options:
            raise RegistryError.explain("encoder hub-copy takes no options", got=sorted(options))
        if architecture is not None:
            return Tower(spec, one_by_one(rebuild_copy(architecture, spec), spec), dim, head=head)
        network, source = copy_hub(hub, spec)
        tower = Tower(spec, one_by_one(network, spec), dim, head=head)
        start_as_hub(tower.head, source)
        return _with_origin(tower)


def _with_origin(tower: Tower) -> Tower:
    tower.origin = tower.encoder.origin if isinstance(tower.encoder, LibraryEncoder) else None
    return tower


def _build_head(name: HeadName, width: int, dim: int) -> nn.Module:
    if name == "linear":
        return nn.Linear(width, dim)
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim))

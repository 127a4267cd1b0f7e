"""One modality of a space: how a sample is read, prepared and embedded, by a tower or the hub. Floor: below space."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from binder.data.ahead import read_ahead
from binder.errors import BinderError, SampleError
from binder.evaluate.corrections import Correction
from binder.hub import Hub
from binder.modality import ModalitySpec
from binder.towers import TowerCheckpoint
from binder.towers.encode import move
from binder.types import Source


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """Embeds samples of one modality.

    Attributes:
        spec: reads them.
        dim: width of the vectors.
        prepare: all that happens to one sample before it joins a batch; safe to call from several threads.
        embed: prepared samples -> unit vectors, float32, on the CPU.
    """

    spec: ModalitySpec
    dim: int
    prepare: Callable[[Any], Any]
    embed: Callable[[Sequence[Any]], Float[Tensor, "sample dim"]]

    @classmethod
    def of_hub(cls, hub: Hub, modality: str) -> "Embedder":
        """For a modality that the hub embeds itself."""
        return cls(
            spec=hub.spec(modality),
            dim=hub.dim,
            prepare=partial(hub.prepare, modality),
            embed=partial(hub.embed_prepared, modality),
        )

    @classmethod
    def of_tower(cls, checkpoint: TowerCheckpoint, device: torch.device) -> "Embedder":
        """For a modality that a tower embeds."""
        spec, tower = checkpoint.spec, checkpoint.tower

        def embed(prepared: Sequence[Tensor]) -> Tensor:
            return tower(move(spec.collate(list(prepared)), device)).cpu()

        return cls(spec=spec, dim=tower.dim, prepare=spec.transform, embed=embed)

    def corrected(self, correction: Correction) -> "Embedder":
        """The same, with the vector stages of a correction after it."""

        def embed(prepared: Sequence[Any]) -> Tensor:
            return torch.from_numpy(correction.vectors(self.spec.name, self.embed(prepared).numpy()))

        return replace(self, embed=embed)

    def read(self, numbered: tuple[int, Source]) -> Any:
        """A prepared sample, from its position and source.

        Raises:
            SampleError: it breaks its contract; its position is named.
        """
        position, source = numbered
        try:
            return self.prepare(self.spec.load(source))
        except SampleError as error:
            raise SampleError(f"{self.spec.name}[{position}]: {error}") from error

    @torch.inference_mode()
    def encode(self, sources: Sequence[Source], batch_size: int) -> Float32[np.ndarray, "sample dim"]:
        """Embed samples; threads read and prepare them while the model runs."""
        if batch_size < 1:
            raise BinderError.explain("not a batch size", got=batch_size, expected="1 or more")
        batches = read_ahead(self.read, list(enumerate(sources)), batch_size=batch_size)
        vectors = (self.embed(batch).numpy() for batch in batches)
        return np.concatenate([np.zeros((0, self.dim), np.float32), *vectors])


def as_list(modality: str, given: Any) -> Sequence[Source]:
    """What `encode` was given for a modality, if it is a list.

    Raises:
        BinderError: it is not.
    """
    if isinstance(given, str | bytes | Path) or not hasattr(given, "__len__"):
        raise BinderError.explain(
            f"encode({modality}=...) takes a list",
            got=type(given).__name__,
            expected=f"{modality}=[sample, ...]",
            fix="put brackets around it",
        )
    return given

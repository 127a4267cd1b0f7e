"""What a hub promises, and the one place where freezing and unit norm are enforced. Floor: hub.

Adapters subclass `FrozenHub` and say only how one sample is prepared and how a batch runs through
the model. The cache, the trainer and `Space` know nothing but the `Hub` protocol.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from binder.errors import HubError
from binder.storage import hash_bytes, hash_json
from binder.types import Sample


@runtime_checkable
class Hub(Protocol):
    """A frozen embedder that defines a space.

    Attributes:
        name: SCHEME:MODEL, as a user writes it.
        native: the modalities it embeds itself.
        dim: width of its vectors.
        fingerprint: changes with the weights, the preprocessing and any fitted transform.
        licence: of the weights, as far as it is known.
    """

    name: str
    native: tuple[str, ...]
    dim: int
    licence: str | None

    @property
    def fingerprint(self) -> str: ...

    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample dim"]:
        """Unit vectors, float32, on the CPU, in the order of `samples`."""
        ...

    def check_frozen(self) -> None:
        """Raise `HubError` if a weight requires a gradient, trains, or has changed since loading."""
        ...

    def to(self, device: torch.device | str) -> "Hub":
        """Move the model; vectors still come back on the CPU."""
        ...


class FrozenHub(ABC):
    """Base of the adapters: owns freezing, the drift check, normalisation and the fingerprint."""

    def __init__(
        self,
        name: str,
        model: nn.Module,
        *,
        native: tuple[str, ...],
        dim: int,
        preprocessing: dict[str, Any],
        licence: str | None = None,
    ) -> None:
        """Freeze `model` and remember the hash of its weights.

        Args:
            name: SCHEME:MODEL.
            model: anything with parameters; put in evaluation mode, gradients off.
            native: modalities that `embed` accepts.
            dim: width of the vectors.
            preprocessing: JSON description of all that happens to a sample before the model.
            licence: of the weights.
        """
        self.name, self.native, self.dim, self.licence = name, native, dim, licence
        self._model = model.eval().requires_grad_(False)
        self._device = torch.device("cpu")
        self._weights = _hash_weights(model)
        self._fingerprint = hash_json({"weights": self._weights, "preprocessing": preprocessing, "native": native})

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @torch.no_grad()  # not inference_mode: a live hub's vectors enter the loss, whose backward saves them
    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample {self.dim}"]:
        if modality not in self.native:
            raise HubError.explain(
                f"{self.name} does not embed {modality!r}",
                got=modality,
                choices=self.native,
                fix="train a tower for it, or choose another hub",
            )
        if len(samples) == 0:
            return torch.zeros(0, self.dim)
        vectors = self._forward(modality, samples).float().cpu()
        if not torch.isfinite(vectors).all() or (vectors.norm(dim=-1) == 0).any():
            raise HubError.explain(
                f"{self.name} returned NaN, infinite or zero vectors for {modality}", fix="check precision and samples"
            )
        return nn.functional.normalize(vectors, dim=-1)

    @abstractmethod
    def _forward(self, modality: str, samples: Sequence[Sample]) -> Tensor:
        """Prepare `samples` on `self._device`, run the model, return raw vectors (n, dim)."""

    def check_frozen(self) -> None:
        trainable = [name for name, weight in self._model.named_parameters() if weight.requires_grad]
        if trainable or self._model.training:
            raise HubError.explain(
                f"{self.name} is not frozen",
                got=f"{len(trainable)} trainable weights, training mode {self._model.training}",
                expected="no trainable weight, evaluation mode",
                fix="give the trainer the hub as it was loaded, and no optimiser that knows its weights",
            )
        now = _hash_weights(self._model)
        if now != self._weights:
            raise HubError.explain(
                f"{self.name} has drifted",
                got=f"weights {now}",
                expected=f"weights {self._weights}",
                fix="reload the hub",
            )

    def to(self, device: torch.device | str) -> "FrozenHub":
        self._device = torch.device(device)
        self._model.to(self._device)
        return self


def _hash_weights(model: nn.Module) -> str:
    """Hash every parameter and buffer, one at a time so that a large hub is not copied whole."""
    parts = [
        f"{name}:{hash_bytes(tensors_to_bytes({'w': tensor.detach().cpu().contiguous()}))}"
        for name, tensor in sorted(model.state_dict().items())
    ]
    return hash_bytes("\n".join(parts).encode())

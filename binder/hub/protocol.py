"""What a hub promises, and the one place where freezing and unit norm are enforced. Floor: hub.

Adapters subclass `FrozenHub` and say only how one sample is prepared and how a batch runs through
the model. The cache, the trainer and `Space` know nothing but the `Hub` protocol.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.config.data import Precision
from binder.errors import HubError
from binder.hub.device import find_device
from binder.hub.logits import NO_LOGITS, Logits
from binder.hub.precision import cast_if_equal, place, probe_samples, worth_casting
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.storage import hash_json, hash_tensors
from binder.types import ImageTower, Sample


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

    @property
    def precision(self) -> str:
        """What the model computes in, `float32` or `bfloat16`; not part of the fingerprint."""
        ...

    def spec(self, modality: str) -> ModalitySpec:
        """How samples of a native modality are read for this hub.

        Raises:
            RegistryError: the modality is not registered.
        """
        ...

    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample dim"]:
        """Unit vectors, float32, on the CPU, in the order of `samples`."""
        ...

    def prepare(self, modality: str, sample: Sample) -> Any:
        """All that happens to one sample before it joins a batch; safe to call from several threads."""
        ...

    def embed_prepared(self, modality: str, prepared: Sequence[Any]) -> Float[Tensor, "sample dim"]:
        """`embed` of samples that went through `prepare`."""
        ...

    def check_frozen(self) -> None:
        """Raise `HubError` if a weight requires a gradient, trains, or has changed since loading."""
        ...

    def image_tower(self) -> ImageTower:
        """A copy of the hub's own image tower; raises `HubError` where it has none that can be copied."""
        ...

    def to(self, device: torch.device | str) -> "Hub":
        """Move the model; vectors still come back on the CPU."""
        ...


class FrozenHub(ABC):
    """Base of the adapters: owns freezing, the drift check, precision, normalisation and the fingerprint.

    Attributes:
        logits: how the model was trained to read its own cosines; metadata, never folded into a vector.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        *,
        native: tuple[str, ...],
        dim: int,
        preprocessing: dict[str, Any],
        licence: str | None = None,
        reads: Mapping[str, dict[str, Any]] | None = None,
        logits: Logits = NO_LOGITS,
    ) -> None:
        """Freeze `model` and remember the hash of its weights.

        Args:
            name: SCHEME:MODEL.
            model: anything with parameters; put in evaluation mode, gradients off, weights in float32.
            native: modalities that `embed` accepts.
            dim: width of the vectors.
            preprocessing: JSON description of all that happens to a sample before the model.
            licence: of the weights.
            reads: modality -> options of that modality with which its samples fit this model, where its own
                defaults do not, such as {"audio": {"rate_hz": 48000}}.
            logits: the model's own temperature and bias.
        """
        self.name, self.native, self.dim, self.licence = name, native, dim, licence
        self.logits, self._reads = logits, dict(reads or {})
        self._model = model.eval().requires_grad_(False).float()
        self._device = torch.device("cpu")
        self._asked: Precision = "float32"
        self._settled: str | None = None
        self._weights = hash_tensors(model.state_dict())
        self._fingerprint = hash_json({"weights": self._weights, "preprocessing": preprocessing, "native": native})

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def spec(self, modality: str) -> ModalitySpec:
        return create_modality(modality, **self._reads.get(modality, {}))

    def ask_precision(self, precision: Precision) -> "FrozenHub":
        """Compute in `precision`; decided at first use, on the device it is on then, and final.

        Raises:
            HubError: already decided otherwise.
        """
        if self._settled is not None and precision not in ("auto", self._settled):
            raise HubError.explain(
                f"{self.name} computes in {self._settled} already",
                got=precision,
                fix="open it anew: open_hub(NAME, precision=...)",
            )
        self._asked = precision
        return self

    @property
    def precision(self) -> str:
        if self._settled is None:
            self._settle()
        assert self._settled is not None
        return self._settled

    @torch.inference_mode(False)  # it would leave weights that no ordinary forward may use
    @torch.no_grad()
    def _settle(self) -> None:
        self._settled = "float32"
        if not worth_casting(self.name, self._model, self._asked, self._device):
            return
        self.check_frozen()  # the last look at these weights: from here on the cast ones are watched
        if self._asked == "bfloat16":
            self._model.to(torch.bfloat16)
        elif not cast_if_equal(self.name, self._model, self._probe):
            return
        self._settled, self._weights = "bfloat16", hash_tensors(self._model.state_dict())

    def _probe(self) -> Tensor:
        samples = {name: probe_samples(self.spec(name)) for name in self.native}
        return torch.cat(
            [self._run(name, [self.prepare(name, one) for one in given]) for name, given in samples.items()]
        )

    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample {self.dim}"]:
        self._require(modality)
        return self.embed_prepared(modality, [self.prepare(modality, sample) for sample in samples])

    def prepare(self, modality: str, sample: Sample) -> Any:
        del modality
        return sample

    @torch.no_grad()  # not inference_mode: a live hub's vectors enter the loss, whose backward saves them
    def embed_prepared(self, modality: str, prepared: Sequence[Any]) -> Float[Tensor, "sample {self.dim}"]:
        self._require(modality)
        if len(prepared) == 0:
            return torch.zeros(0, self.dim)
        if self._settled is None:
            self._settle()
        return self._run(modality, prepared)

    def _require(self, modality: str) -> None:
        if modality not in self.native:
            raise HubError.explain(
                f"{self.name} does not embed {modality!r}",
                got=modality,
                choices=self.native,
                fix="train a tower for it, or choose another hub",
            )

    def _run(self, modality: str, prepared: Sequence[Any]) -> Tensor:
        vectors = self._forward(modality, prepared).float().cpu()
        if not torch.isfinite(vectors).all() or (vectors.norm(dim=-1) == 0).any():
            raise HubError.explain(
                f"{self.name} returned NaN, infinite or zero vectors for {modality}", fix="check precision and samples"
            )
        return nn.functional.normalize(vectors, dim=-1)

    @abstractmethod
    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        """Put samples, as `prepare` left them, into a batch (floats through `_place`); return raw vectors (n, dim)."""

    def _place(self, inputs: Tensor) -> Tensor:
        """Inputs on the model's device, floats in the type of its weights."""
        return place(inputs, self._model)

    def check_frozen(self) -> None:
        trainable = [name for name, weight in self._model.named_parameters() if weight.requires_grad]
        if trainable or self._model.training:
            raise HubError.explain(
                f"{self.name} is not frozen",
                got=f"{len(trainable)} trainable weights, training mode {self._model.training}",
                expected="no trainable weight, evaluation mode",
                fix="give the trainer the hub as it was loaded, and no optimiser that knows its weights",
            )
        now = hash_tensors(self._model.state_dict())
        if now != self._weights:
            raise HubError.explain(
                f"{self.name} has drifted",
                got=f"weights {now}",
                expected=f"weights {self._weights}",
                fix="reload the hub",
            )

    def image_tower(self) -> ImageTower:
        """A copy of the hub's own image tower, for modalities that start from it.

        In float32, whatever the hub computes in; weights it has cast to bfloat16 come rounded.

        Raises:
            HubError: the hub has none that can be copied.
        """
        described = self._image_network()
        if described is None:
            raise HubError.explain(
                f"{self.name} has no image tower that can be copied",
                got="encoder: hub-copy",
                expected="a hub of open_clip or transformers that embeds images",
                fix="use another encoder",
            )
        architecture, network = described
        return ImageTower(
            architecture=architecture,
            weights={name: _copy(weight) for name, weight in network.state_dict().items()},
            origin={"hub": self.name, "fingerprint": self.fingerprint, "licence": self.licence},
        )

    def _image_network(self) -> tuple[dict[str, Any], nn.Module] | None:
        """What rebuilds the image tower, as JSON, and the tower itself; None where there is none to copy."""
        return None

    def to(self, device: torch.device | str) -> "FrozenHub":
        self._device = find_device(device)
        self._model.to(self._device)
        return self


def _copy(weight: Tensor) -> Tensor:
    copied = weight.detach().cpu().clone()
    return copied.float() if copied.is_floating_point() else copied

"""Encoders of samples that come in several parts: clips of a sound, frames of a video. Floor: towers; for plug-ins.

A part is what a plain encoder takes; the parts of a sample lie along the axis after the batch's.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.towers.library import LibraryEncoder
from binder.types import Batch

AT_ONCE = 64  # parts per forward where their number differs: a recording of an hour has hundreds


def pad_parts(tensors: list[Float[Tensor, "_ *axes"]]) -> dict[str, Tensor]:
    """Batch samples with different numbers of parts: `parts` (sample, part, *axes) and `counts` int64 (sample,)."""
    counts = torch.tensor([len(tensor) for tensor in tensors])
    return {"parts": nn.utils.rnn.pad_sequence(tensors, batch_first=True), "counts": counts}


class MeanOfParts(nn.Module):
    """Encodes every part alone; a sample's features are the mean of its parts' features.

    Args:
        encoder: of one part, (batch, *axes) -> (batch, width), with an int `width`.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width_of(encoder)

    def forward(self, batch: Batch) -> Float[Tensor, "sample width"]:
        if not isinstance(batch, dict):
            return self.encoder(batch.flatten(0, 1)).unflatten(0, batch.shape[:2]).mean(1)
        parts, counts = batch["parts"], batch["counts"]
        real = torch.arange(parts.shape[1], device=counts.device) < counts[:, None]
        # one by one where padding is left out, so that no vector depends on how long its neighbours are
        features = torch.cat([self.encoder(some) for some in parts[real].split(AT_ONCE)])
        return torch.stack([own.mean(0) for own in features.split(counts.tolist())])


class LibraryParts(LibraryEncoder):
    """`MeanOfParts` of a network from a library; it is stored as that network is."""

    def __init__(self, encoder: LibraryEncoder) -> None:
        super().__init__(encoder.architecture, encoder.origin)
        self.mean = MeanOfParts(encoder)
        self.width = encoder.width

    def forward(self, batch: Batch) -> Float[Tensor, "sample {self.width}"]:
        return self.mean(batch)


def one_by_one(encoder: nn.Module, spec: ModalitySpec) -> nn.Module:
    """`encoder`, given the parts of a sample one by one where samples of `spec` come in parts."""
    if not spec.in_parts:
        return encoder
    return LibraryParts(encoder) if isinstance(encoder, LibraryEncoder) else MeanOfParts(encoder)


class AttentionOverParts(nn.Module):
    """Encodes every part alone; a sample's features are the parts' features weighted by attention.

    One learned query per head, each for its share of the features, as in pooling by multi-head attention [1,
    sec. 3.2]; the scores know a part's place, too. What is the same for all parts changes no weight, so there are
    no biases.

    [1] J. Lee et al., 2019, Set Transformer, arXiv:1810.00825.

    Args:
        encoder: of one part, (batch, *axes) -> (batch, width), with an int `width` divisible by `heads`.
        num_parts: of every sample.
        heads: shares of the features that attend apart.
    """

    def __init__(self, encoder: nn.Module, *, num_parts: int, heads: int = 4) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width_of(encoder)
        self.heads = heads
        self.norm = nn.LayerNorm(self.width, elementwise_affine=False)
        self.scores = nn.Linear(self.width, heads, bias=False)
        self.positions = nn.Parameter(torch.zeros(num_parts, heads))

    def forward(self, batch: Float[Tensor, "sample part *axes"]) -> Float[Tensor, "sample width"]:
        features = self.encoder(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])
        weights = (self.scores(self.norm(features)) + self.positions).softmax(1)
        shares = features.unflatten(-1, (self.heads, -1))
        return (weights[..., None] * shares).sum(1).flatten(1)


def width_of(encoder: nn.Module) -> int:
    """How many features an encoder returns.

    Raises:
        RegistryError: it does not say.
    """
    width = getattr(encoder, "width", None)
    if not isinstance(width, int):
        raise RegistryError.explain(
            "encoder without a width",
            got=f"{type(encoder).__name__}.width = {width!r}",
            expected="an int: the number of features it returns",
        )
    return width

"""Features of a frozen encoder, computed once and kept: what heads are trained or solved on. Floor: towers.

Cached features are a modality of their own: the trainer gets their samples and a tower that is a head alone,
and knows no difference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from binder.data import ModalityDataset, Remark
from binder.data.dataset import Item
from binder.modality import ModalitySpec
from binder.towers.encode import encode_samples
from binder.towers.tower import Tower
from binder.types import Batch, InputContract


class PassThrough(nn.Module):
    """Returns the features it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Shaped[Tensor, "*any"]) -> Shaped[Tensor, "*any"]:
        return x


@dataclass(frozen=True, kw_only=True)
class Features(ModalitySpec):
    """Encoder features in the place of samples: read, transformed and varied by nothing.

    Attributes:
        name: of the modality they were computed from.
        width: of a vector.
    """

    name: str  # pyright: ignore[reportIncompatibleVariableOverride]
    width: int

    @property
    def contract(self) -> InputContract:
        return InputContract(layout="feature", unit="1", min_length=self.width)

    def read(self, source: Any) -> np.ndarray:
        return np.asarray(source, dtype=np.float32)

    def transform(self, sample: np.ndarray) -> Tensor:
        return torch.from_numpy(sample)

    def encoder(self, **options: Any) -> nn.Module:
        return PassThrough(self.width, **options)

    def synthetic(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal(self.width, dtype=np.float32)


class FeatureSamples(ModalityDataset):
    """The cached features of a table's rows, in memory; item i is (i, feature).

    Attributes:
        rows: row numbers that have a feature, int64 (n,).
        features: float32 (n, width), in that order.
        remarks: which rows could not be read, and notes on the others.
    """

    def __init__(self, samples: ModalityDataset, rows: np.ndarray, features: np.ndarray, remarks: list[Remark]) -> None:
        spec = Features(name=samples.spec.name, width=features.shape[1])
        super().__init__(samples.table, spec)
        self.rows, self.remarks = rows, remarks
        self.features: Float[Tensor, "row width"] = torch.from_numpy(features)
        self._place = {int(row): place for place, row in enumerate(rows)}

    def __getitem__(self, index: int) -> Item:
        return Item(index, self.features[self._place[index]])


class _EncoderAlone(Tower):
    """A tower seen without its head: batch -> features, float32."""

    def __init__(self, tower: Tower) -> None:
        super().__init__(tower.spec, tower.encoder, tower.dim)
        self.dim = tower.encoder.width  # pyright: ignore[reportAttributeAccessIssue]
        self.head = tower.head

    def forward(self, batch: Batch) -> Float[Tensor, "sample width"]:
        return self.encoder(batch).float()


def cache_features(
    tower: Tower,
    samples: ModalityDataset,
    rows: np.ndarray,
    *,
    shared: bool = False,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureSamples:
    """Run the encoder once over `rows`, frozen, in evaluation mode, without augmentation.

    Args:
        tower: whose encoder.
        samples: of its modality.
        rows: which of them.
        shared: the processes of a run share the work, see `encode_samples`.
        workers: processes that read.
        progress: called with (samples done, samples in all).
    """
    found, features, remarks = encode_samples(
        _EncoderAlone(tower), samples, rows=rows, shared=shared, workers=workers, progress=progress
    )
    return FeatureSamples(samples, found, features, remarks)


def head_alone(tower: Tower) -> Tower:
    """A tower of cached features that shares the head of `tower`: training the one trains the other."""
    assert isinstance(tower.encoder.width, int)
    spec = Features(name=tower.spec.name, width=tower.encoder.width)
    alone = Tower(spec, PassThrough(spec.width), tower.dim)
    alone.head = tower.head
    return alone

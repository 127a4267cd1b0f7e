"""The bank: every distinct hub item of the training table, as negatives that never go stale. Floor: losses.

A queue or memory bank of a learned encoder ages with every step (K. He et al., "MoCo", 2020,
https://arxiv.org/abs/1911.05722, section 3.2); a frozen hub's does not. Neither do the targets and masks
derived from it, so they are computed here, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from binder.config import LossConfig
from binder.losses.relations import Relations, prefixes
from binder.losses.similarity import hard_neighbours
from binder.losses.tiles import RowPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Bank:
    """The hub items of one table and one hub modality, with all that the loss needs to know of them.

    Attributes:
        vectors: unit hub vectors (item, dim), and those of each Matryoshka width.
        keys: int64 (item, rule), see `Positives`.
        targets: for each width, what a sample of item i should find: a mean (InfoNCE) or sum (sigmoid).
        counts: positives of each item.
        excluded: places of the item x item matrix that are no negatives, by rows.
        neighbours: int64 (item, count), the hard negatives of each item; none for `negatives: bank`.
        hub: fingerprint of the hub.
        table: fingerprint of the table.
    """

    vectors: tuple[Float[Tensor, "item _"], ...]
    keys: Int[Tensor, "item rule"]
    targets: tuple[Float[Tensor, "item _"], ...]
    counts: Float[Tensor, " item"]
    excluded: RowPairs
    neighbours: Int[Tensor, "item count"]
    hub: str
    table: str

    @classmethod
    def build(
        cls,
        vectors: Float[Tensor, "item dim"],
        keys: Int[Tensor, "item rule"],
        config: LossConfig,
        *,
        hub: str,
        table: str,
    ) -> "Bank":
        """Compute a bank's constants; about item^2 dim multiplications where there is a mask or soft targets."""
        relations = Relations(vectors, keys, config)
        widths = tuple(prefixes(vectors, config.matryoshka))
        target_of = relations.positives.sums if config.kind == "sigmoid" else relations.to_hub
        neighbours = torch.zeros(len(vectors), 0, dtype=torch.int64, device=vectors.device)
        if config.negatives == "hard":
            threshold = 1.0 if config.mask_above is None else config.mask_above
            neighbours = hard_neighbours(vectors, keys, config.hard_negatives, threshold=threshold)
        return cls(
            vectors=widths,
            keys=keys,
            targets=tuple(target_of(part) for part in widths),
            counts=relations.positives.counts,
            excluded=RowPairs.of(relations.exclude, len(vectors), vectors.device),
            neighbours=neighbours,
            hub=hub,
            table=table,
        )

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def num_bytes(self) -> int:
        """Memory that its tensors take."""
        pairs = (self.excluded.starts, self.excluded.columns)
        tensors = (*self.vectors, *self.targets, self.keys, self.counts, self.neighbours, *pairs)
        return sum(tensor.nbytes for tensor in tensors)

    def to(self, device: torch.device | str) -> "Bank":
        """The same bank on `device`."""
        moved: Mapping[str, Any] = {
            "vectors": tuple(part.to(device) for part in self.vectors),
            "targets": tuple(part.to(device) for part in self.targets),
            **{name: getattr(self, name).to(device) for name in ("keys", "counts", "excluded", "neighbours")},
        }
        return Bank(hub=self.hub, table=self.table, **moved)

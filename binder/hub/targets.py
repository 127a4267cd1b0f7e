"""The hub's side of training: unit vectors for table rows, from caches or live. Floor: hub.

The trainer asks for rows and gets (targets, present); it can't tell a cache from a running hub.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from binder.data import PairTable, read_sample
from binder.hub.cache import HubCache
from binder.hub.protocol import Hub
from binder.hub.transform import HubTransform
from binder.modality import ModalitySpec

Embed = Callable[[str, np.ndarray], Tensor]


class HubTargets:
    """Hub vectors of one table's rows, for one or several hub modalities (anchors).

    Attributes:
        present: bool (row, anchor), whether a row has a vector for that anchor.
        anchors: the hub modalities, in the order of the anchor axis.
    """

    def __init__(self, embed: Embed, present: Mapping[str, np.ndarray], dim: int) -> None:
        self.anchors = tuple(present)
        self.present = np.stack([present[anchor] for anchor in self.anchors], axis=1)
        self.dim = dim
        self._embed = embed

    def __call__(
        self, rows: Sequence[int] | np.ndarray
    ) -> tuple[Float[Tensor, "row anchor dim"], Bool[Tensor, "row anchor"]]:
        """Vectors of `rows`; where a row lacks an anchor, `present` is False and the vector is zero and unread."""
        rows = np.asarray(rows)
        present = torch.from_numpy(self.present[rows])
        targets = torch.zeros(len(rows), len(self.anchors), self.dim)
        for number, anchor in enumerate(self.anchors):
            held = present[:, number]
            if held.any():
                targets[held, number] = self._embed(anchor, rows[held.numpy()])
        return targets, present


def cached_targets(caches: Mapping[str, HubCache], transform: HubTransform | None = None) -> HubTargets:
    """Targets read from memory-mapped caches of one table; `transform` is applied to what is read."""

    def embed(anchor: str, rows: np.ndarray) -> Tensor:
        vectors = caches[anchor].vectors_for(rows)
        return vectors if transform is None else transform(vectors)

    present = {anchor: cache.positions >= 0 for anchor, cache in caches.items()}
    return HubTargets(embed, present, next(iter(caches.values())).dim)


def live_targets(hub: Hub, table: PairTable, specs: Mapping[str, ModalitySpec]) -> HubTargets:
    """Targets from the hub itself, run anew for every request; a broken sample raises when it is met."""

    def embed(anchor: str, rows: np.ndarray) -> Tensor:
        return hub.embed(anchor, [read_sample(table, int(row), specs[anchor]) for row in rows])

    return HubTargets(embed, {anchor: table.present(anchor) for anchor in specs}, hub.dim)

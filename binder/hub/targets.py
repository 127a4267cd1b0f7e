"""The hub's side of training: unit vectors for table rows, from caches or live. Floor: hub.

The trainer asks for rows and gets (targets, present); it can't tell a cache from a running hub.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from binder.data import PairTable, ViewRule, Views, read_sample
from binder.errors import HubError
from binder.hub.cache import HubCache
from binder.hub.protocol import Hub
from binder.hub.transform import HubTransform
from binder.modality import ModalitySpec
from binder.types import Sample

Embed = Callable[[str, np.ndarray, np.ndarray], Tensor]  # (anchor, rows, number of each row's view) -> vectors


class HubTargets:
    """Hub vectors of one table's rows, for one or several hub modalities (anchors).

    Attributes:
        present: bool (row, anchor), whether a row has a vector for that anchor.
        anchors: the hub modalities, in the order of the anchor axis.
        views: what training may ask for beside whole samples; None for nothing.
    """

    def __init__(
        self, embed: Embed, present: Mapping[str, np.ndarray], dim: int, *, views: Views | None = None
    ) -> None:
        self.anchors = tuple(present)
        self.present = np.stack([present[anchor] for anchor in self.anchors], axis=1)
        self.dim, self.views = dim, views
        self._embed = embed

    def __call__(
        self, rows: Sequence[int] | np.ndarray, numbers: Sequence[int] | np.ndarray | None = None
    ) -> tuple[Float[Tensor, "row anchor dim"], Bool[Tensor, "row anchor"]]:
        """Vectors of `rows`; where a row lacks an anchor, `present` is False and the vector is zero and unread.

        Args:
            rows: row numbers.
            numbers: which of its views each row is asked for, see `Views`; None or 0 for whole samples.
                An anchor that is no picture gives its one vector whatever the number.
        """
        rows = np.asarray(rows)
        numbers = np.zeros(len(rows), np.int64) if numbers is None else np.asarray(numbers)
        present = torch.from_numpy(self.present[rows])
        targets = torch.zeros(len(rows), len(self.anchors), self.dim)
        for number, anchor in enumerate(self.anchors):
            held = present[:, number]
            if held.any():
                targets[held, number] = self._embed(anchor, rows[held.numpy()], numbers[held.numpy()])
        return targets, present


def cached_targets(
    caches: Mapping[str, HubCache],
    transform: HubTransform | None = None,
    *,
    views: Views | None = None,
    viewed: Mapping[str, Sequence[HubCache]] | None = None,
) -> HubTargets:
    """Targets read from memory-mapped caches of one table; `transform` is applied to what is read.

    Args:
        caches: anchor -> vectors of whole samples.
        transform: of the hub.
        views: picks views; its `count` is the number of caches in each of `viewed`.
        viewed: anchor -> caches of views 1, 2, ...; anchors that are no pictures have none.
    """
    viewed = viewed or {}

    def embed(anchor: str, rows: np.ndarray, numbers: np.ndarray) -> Tensor:
        vectors = caches[anchor].vectors_for(rows)
        for number, cache in enumerate(viewed.get(anchor, ()), start=1):
            asked = numbers == number
            vectors[torch.from_numpy(asked)] = cache.vectors_for(rows[asked])
        return vectors if transform is None else transform(vectors)

    present = {anchor: cache.positions >= 0 for anchor, cache in caches.items()}
    return HubTargets(embed, present, next(iter(caches.values())).dim, views=views)


def live_targets(
    hub: Hub, table: PairTable, specs: Mapping[str, ModalitySpec], *, views: Views | None = None
) -> HubTargets:
    """Targets from the hub itself, run anew for every request; a broken sample raises when it is met."""

    def read(anchor: str, row: int, number: int) -> Sample:
        sample = read_sample(table, row, specs[anchor])
        view = None if views is None else views.of(row, number)
        return sample if view is None else specs[anchor].view(sample, view)

    def embed(anchor: str, rows: np.ndarray, numbers: np.ndarray) -> Tensor:
        asked = zip(rows.tolist(), numbers.tolist(), strict=True)
        return hub.embed(anchor, [read(anchor, row, number) for row, number in asked])

    return HubTargets(embed, {anchor: table.present(anchor) for anchor in specs}, hub.dim, views=views)


def plan_views(
    table: PairTable, specs: Mapping[str, ModalitySpec], rule: ViewRule, *, count: int | None
) -> tuple[str, Views]:
    """Views of a table's rows on the hub's side: the anchor that is a picture, and its views.

    Args:
        table: the training rows.
        specs: the anchors' modalities, by name.
        rule: how views are drawn.
        count: views per picture; None for a new one in each draw.

    Raises:
        HubError: no anchor is a picture, or several are: a pair can be cut in one way only.
    """
    pictures = [anchor for anchor, spec in specs.items() if spec.viewable]
    if len(pictures) != 1:
        raise HubError.explain(
            "hub.views needs one hub modality of pictures",
            got=f"{pictures or 'none'} among {list(specs)}",
            fix="set hub.views: 0, or train the tower against one picture modality",
        )
    return pictures[0], Views(contents=table.content_hashes(pictures[0]), rule=rule, count=count)

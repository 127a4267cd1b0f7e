"""The configured loss of one training step, over the batch of all processes. Floor: losses; owned by the trainer.

Every process computes the terms of its own samples, against hub items gathered from all (or a bank). The value
it returns is its share times the number of processes: averaged over processes, as DDP averages
gradients, it is the loss of one process that holds the whole batch (tested with 2 and 3 of them).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from binder.config import LossConfig
from binder.losses.bank import Bank
from binder.losses.contrastive import aligned
from binder.losses.gather import Shares
from binder.losses.logsumexp import logsumexp_both
from binder.losses.relations import Relations, prefixes
from binder.losses.sigmoid import sigmoid_loss
from binder.losses.temperature import Temperature, initial_bias
from binder.losses.tiles import Pairs, RowPairs

MIB = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class HubSide:
    """What the hub says about the samples of a step; all rows aligned with the tower's vectors.

    Attributes:
        targets: unit vectors (pair, anchor, dim); unread where `present` is False.
        present: whether a row has a vector of this hub modality (anchor).
        keys: (pair, anchor, rule), what makes rows positives of each other, see `Positives`.
        items: (pair, anchor), each row's place in the anchor's bank; unread without one.
    """

    targets: Float[Tensor, "pair anchor dim"]
    present: Bool[Tensor, "pair anchor"]
    keys: Int[Tensor, "pair anchor rule"]
    items: Int[Tensor, "pair anchor"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Anchored:
    """One anchor's part of a step: own samples, and the hub items of all processes."""

    vectors: Tensor  # own, with gradient
    own: slice  # their place among all
    hub: Tensor  # all
    keys: Tensor  # all
    items: Tensor  # all

    def widths(self, config: LossConfig) -> tuple[list[Tensor], list[Tensor]]:
        return prefixes(self.vectors, config.matryoshka), prefixes(self.hub, config.matryoshka)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Gallery:
    """What own samples are compared with and what they should find, for each Matryoshka width.

    `places` says where in it their partners stand.
    """

    vectors: Sequence[Tensor]
    places: Tensor
    targets: Sequence[Tensor]
    counts: Tensor
    exclude: Pairs | None


class Objective(nn.Module):
    """Temperature, bias and loss.

    Args:
        config: which loss.
        banks: one per anchor, for `negatives` bank or hard.
        num_negatives: about how many a sample meets; sets the sigmoid loss's first bias.
    """

    def __init__(self, config: LossConfig, banks: Sequence[Bank] = (), *, num_negatives: int) -> None:
        super().__init__()
        self.config, self.banks = config, tuple(banks)
        self.temperature = Temperature(config.temperature, learn=config.learn_temperature, max_scale=config.max_scale)
        if config.kind == "sigmoid":
            self.bias = nn.Parameter(torch.tensor(initial_bias(num_negatives)))

    def forward(self, vectors: Float[Tensor, "pair dim"], hub: HubSide) -> Float[Tensor, ""]:
        """The loss, averaged over the anchors of which the batch of all processes has two pairs (with a bank, one).

        Args:
            vectors: unit vectors of this process's samples.
            hub: the hub's side of the same samples.

        Raises:
            ValueError: the whole batch is a single pair, which leaves no negatives.
        """
        if vectors.dtype != torch.float64:
            vectors = vectors.float()  # whatever precision the tower ran in
        shares = Shares(len(vectors), vectors.device)
        everyone = HubSide(**{name: shares.gather(part) for name, part in vars(hub).items()})
        losses = []
        for anchor in range(hub.present.shape[1]):
            chosen, bank = everyone.present[:, anchor], self.banks[anchor] if self.banks else None
            if chosen.sum() < (2 if bank is None else 1):
                continue  # a lone pair has no negatives
            start, mine = int(chosen[: shares.before].sum()), hub.present[:, anchor]
            part = _Anchored(
                vectors=vectors[mine],
                own=slice(start, start + int(mine.sum())),
                hub=everyone.targets[chosen, anchor],
                keys=everyone.keys[chosen, anchor],
                items=everyone.items[chosen, anchor],
            )
            losses.append(self._loss(part, bank))
        if not losses:
            raise ValueError("a batch of one pair has no negatives: expected at least 2")
        return torch.stack(losses).mean() * shares.world

    def _loss(self, part: _Anchored, bank: Bank | None) -> Tensor:
        relations = Relations(part.hub, part.keys, self.config)
        gallery = self._gallery(part, bank, relations)
        one_width = self._sigmoid if self.config.kind == "sigmoid" else self._info_nce  # sums over own samples
        own, hub = part.widths(self.config)
        terms = [one_width(width, own[width], hub[width], part, gallery, relations) for width in range(len(own))]
        return torch.stack(terms).mean() / len(part.hub)

    def _sigmoid(
        self, width: int, own: Tensor, hub: Tensor, part: _Anchored, gallery: _Gallery, relations: Relations
    ) -> Tensor:
        if not len(own):  # no sample here, but processes that average gradients all need one
            return 0 * (own.sum() + self.temperature() + self.bias)
        loss = sigmoid_loss(
            own,
            gallery.vectors[width],
            self.temperature(),
            self.bias,
            positives=gallery.targets[width],
            counts=gallery.counts,
            exclude=gallery.exclude,
            products_in=self._products,
        )
        return loss * len(own)

    def _info_nce(
        self, width: int, own: Tensor, hub: Tensor, part: _Anchored, gallery: _Gallery, relations: Relations
    ) -> Tensor:
        scale, direction = self.temperature(), self.config.direction
        options: dict[str, Any] = {"products_in": self._products, "memory": self.config.memory_mib * MIB}
        shares = Shares(len(own), own.device)
        terms = []
        columns = None
        numbers = torch.arange(len(own), device=own.device)
        if direction != "from_hub":
            items, places = gallery.vectors[width], gallery.places
            rows, columns = logsumexp_both(
                own, items, scale, partners=Pairs(numbers, places), exclude=gallery.exclude, **options
            )
            partner = items[places.to(items.device)].to(own.device)
            terms.append((rows - aligned(own, gallery.targets[width] - partner, scale)).sum())
        if direction != "to_hub":
            if columns is None or shares.world > 1 or self.config.negatives != "batch":
                # else one matrix has served both directions
                exclude = _of_columns(relations.exclude, part.own, len(hub))
                found_by, looking = shares.gather(own), hub[part.own]
                partners = Pairs(numbers + part.own.start, numbers)
                _, columns = logsumexp_both(found_by, looking, scale, partners=partners, exclude=exclude, **options)
            terms.append(columns.sum() - aligned(own, (relations.from_hub(hub) - hub)[part.own], scale).sum())
        return torch.stack(terms).mean()

    def _gallery(self, part: _Anchored, bank: Bank | None, relations: Relations) -> _Gallery:
        if bank is None:
            hub = prefixes(part.hub, self.config.matryoshka)
            return _gallery_of(
                relations, hub, torch.arange(len(part.hub), device=part.hub.device)[part.own], self.config
            )
        own = part.items[part.own].to(bank.keys.device)
        if self.config.negatives == "hard":
            everyone = part.items.to(own.device)
            chosen = torch.unique(torch.cat([everyone, bank.neighbours[everyone].flatten()]))
            vectors, keys = bank.vectors[0][chosen].to(part.hub.device), bank.keys[chosen].to(part.hub.device)
            hub = prefixes(vectors, self.config.matryoshka)
            places = torch.searchsorted(chosen, own).to(part.hub.device)
            return _gallery_of(Relations(vectors, keys, self.config), hub, places, self.config)
        device = part.hub.device
        pairs = bank.excluded.of_rows(own)
        return _Gallery(
            vectors=bank.vectors,
            places=own.to(device),
            targets=[targets[own].to(device) for targets in bank.targets],
            counts=bank.counts[own].to(device),
            exclude=Pairs(pairs.rows.to(device), pairs.columns.to(device)),
        )

    @property
    def _products(self) -> torch.dtype | None:
        return torch.bfloat16 if self.config.products == "bfloat16" else None


def _gallery_of(relations: Relations, hub: Sequence[Tensor], own: Tensor, config: LossConfig) -> _Gallery:
    """A set of items as the gallery of those among them whose places are `own`."""
    target_of = relations.positives.sums if config.kind == "sigmoid" else relations.to_hub
    exclude = relations.exclude
    return _Gallery(
        vectors=hub,
        places=own,
        targets=[target_of(values)[own] for values in hub],
        counts=relations.positives.counts[own],
        exclude=None if exclude is None else RowPairs.of(exclude, len(hub[0]), own.device).of_rows(own),
    )


def _of_columns(pairs: Pairs | None, own: slice, size: int) -> Pairs | None:
    """The excluded places in the columns `own` of a size x size matrix, columns numbered from there."""
    if pairs is None:
        return None
    columns = torch.arange(size, device=pairs.rows.device)[own]
    found = RowPairs.of(Pairs(pairs.columns, pairs.rows), size, columns.device).of_rows(columns)
    return Pairs(found.columns, found.rows)

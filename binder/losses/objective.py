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
from binder.losses.contrastive import cross_entropy
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
    """One anchor's part of a step, for each Matryoshka width: own samples, and the hub items of all processes."""

    vectors: Sequence[Tensor]  # own, with gradient
    shares: Shares
    hub: Sequence[Tensor]  # all
    items: Tensor  # all
    relations: Relations  # among all


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
        shares = Shares.exchange(len(vectors), vectors.device)
        everyone = HubSide(**{name: shares.gather(part) for name, part in vars(hub).items()})
        losses = []
        for anchor in range(hub.present.shape[1]):
            chosen, bank = everyone.present[:, anchor], self.banks[anchor] if self.banks else None
            if chosen.sum() < (2 if bank is None else 1):
                continue  # a lone pair has no negatives
            targets, widths = everyone.targets[chosen, anchor], self.config.matryoshka
            part = _Anchored(
                vectors=prefixes(vectors[hub.present[:, anchor]], widths),
                shares=shares.of(chosen),
                hub=prefixes(targets, widths),
                items=everyone.items[chosen, anchor],
                relations=Relations(targets, everyone.keys[chosen, anchor], self.config),
            )
            losses.append(self._loss(part, bank))
        if not losses:
            raise ValueError("a batch of one pair has no negatives: expected at least 2")
        return torch.stack(losses).mean() * shares.world

    def _loss(self, part: _Anchored, bank: Bank | None) -> Tensor:
        gallery = self._gallery(part, bank)
        one_width = self._sigmoid if self.config.kind == "sigmoid" else self._info_nce  # sums over own samples
        terms = [one_width(width, part, gallery) for width in range(len(part.vectors))]
        return torch.stack(terms).mean() / len(part.hub[0])

    def _sigmoid(self, width: int, part: _Anchored, gallery: _Gallery) -> Tensor:
        own = part.vectors[width]
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

    def _info_nce(self, width: int, part: _Anchored, gallery: _Gallery) -> Tensor:
        own, hub, shares = part.vectors[width], part.hub[width], part.shares
        scale, direction = self.temperature(), self.config.direction
        options: dict[str, Any] = {"products_in": self._products, "memory": self.config.memory_mib * MIB}
        terms = []
        columns = None
        numbers = torch.arange(len(own), device=own.device)
        if direction != "from_hub":
            items, places = gallery.vectors[width], gallery.places
            rows, columns = logsumexp_both(
                own, items, scale, partners=Pairs(numbers, places), exclude=gallery.exclude, **options
            )
            partner = items[places.to(items.device)].to(own.device)
            terms.append(cross_entropy(rows, own, gallery.targets[width], partner, scale).sum())
        if direction != "to_hub":
            looking = hub[shares.own]
            if columns is None or shares.world > 1 or self.config.negatives != "batch":
                # else one matrix has served both directions
                exclude = _of_columns(part.relations.exclude, shares.own, len(hub))
                found_by = shares.gather(own)
                partners = Pairs(numbers + shares.own.start, numbers)
                _, columns = logsumexp_both(found_by, looking, scale, partners=partners, exclude=exclude, **options)
            found = part.relations.from_hub(hub)[shares.own]
            terms.append(cross_entropy(columns, own, found, looking, scale).sum())
        return torch.stack(terms).mean()

    def _gallery(self, part: _Anchored, bank: Bank | None) -> _Gallery:
        device, mine = part.hub[0].device, part.shares.own
        if bank is None:
            places = torch.arange(len(part.hub[0]), device=device)[mine]
            return _gallery_of(part.relations, part.hub, places, self.config)
        everyone = part.items.to(bank.keys.device)
        own = everyone[mine]
        if self.config.negatives == "hard":
            chosen = torch.unique(torch.cat([everyone, bank.neighbours[everyone].flatten()]))
            vectors, keys = bank.vectors[0][chosen].to(device), bank.keys[chosen].to(device)
            places = torch.searchsorted(chosen, own).to(device)
            hub = prefixes(vectors, self.config.matryoshka)
            return _gallery_of(Relations(vectors, keys, self.config), hub, places, self.config)
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

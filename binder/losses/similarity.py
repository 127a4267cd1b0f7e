"""What the frozen hub alone says about its items: duplicates, neighbours, soft targets. Floor: losses.

All of it is constant through training, because the hub is: computed once for a bank, or per batch
without one. Similarities are computed a block at a time, never as a whole matrix.

[1] cosine mask (.98) and soft targets on a frozen hub: Fusion-Embedding, 2026, https://arxiv.org/abs/2607.18666
[2] soft targets from similarities within a modality: Y. Gao et al., "SoftCLIP", 2023, https://arxiv.org/abs/2303.17561
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from binder.losses.positives import agree
from binder.losses.tiles import TILE_ROWS, Pairs, Tiling, products


def near_duplicates(
    rows: Float[Tensor, "row dim"],
    gallery: Float[Tensor, "item dim"],
    row_keys: Int[Tensor, "row rule"],
    gallery_keys: Int[Tensor, "item rule"],
    threshold: float,
) -> Pairs:
    """Places whose hub vectors have a cosine above `threshold` without being declared positives [1].

    They are most likely false negatives: a tower would be pushed away from what it should find.

    Args:
        rows: unit hub vectors of the rows.
        gallery: unit hub vectors of the items.
        row_keys: of the rows, as for `Positives`.
        gallery_keys: of the items.
        threshold: cosine, -1 to 1.
    """
    found = [Pairs(*(torch.zeros(0, dtype=torch.int64, device=rows.device) for _ in range(2)))]
    for columns, tiles in Tiling(len(rows), len(gallery)).column_blocks():
        for tile in tiles:
            close = (products(rows[tile.rows], gallery[columns]) > threshold).nonzero()
            found.append(Pairs(close[:, 0] + tile.rows.start, close[:, 1] + columns.start))
    pairs = Pairs(torch.cat([part.rows for part in found]), torch.cat([part.columns for part in found]))
    foreign = ~agree(row_keys[pairs.rows], gallery_keys[pairs.columns])
    return Pairs(pairs.rows[foreign], pairs.columns[foreign])


def soft_totals(
    rows: Float[Tensor, "row dim"], gallery: Float[Tensor, "item dim"], temperature: float, exclude: Pairs | None
) -> Float[Tensor, " row"]:
    """Z_i = sum_j exp((rows_i . gallery_j - 1) / temperature); the 1 keeps every term at most 1."""
    return torch.cat([weights.sum(1) for _, weights in _soft_weights(rows, gallery, temperature, exclude)])


def soft_sums(
    rows: Float[Tensor, "row dim"],
    gallery: Float[Tensor, "item dim"],
    values: Float[Tensor, "item value"],
    temperature: float,
    exclude: Pairs | None,
) -> Float[Tensor, "row value"]:
    """sum_j exp((rows_i . gallery_j - 1) / temperature) values_j: over `soft_totals`, the softmax mean [1, 2]."""
    return torch.cat([weights @ values for _, weights in _soft_weights(rows, gallery, temperature, exclude)])


def hard_neighbours(
    vectors: Float[Tensor, "item dim"], keys: Int[Tensor, "item rule"], count: int, *, threshold: float
) -> Int[Tensor, "item count"]:
    """The `count` most similar items of each that are neither positives nor near duplicates.

    Where an item has fewer, it stands in its own list instead; it is in every gallery anyway.

    Args:
        vectors: unit hub vectors.
        keys: as for `Positives`.
        count: neighbours per item.
        threshold: cosine above which an item counts as a duplicate.
    """
    found = []
    for start in range(0, len(vectors), TILE_ROWS):
        rows = slice(start, start + TILE_ROWS)
        cosines = products(vectors[rows], vectors)
        cosines[cosines > threshold] = -torch.inf
        for rule in keys.T:
            cosines[(rule[rows, None] == rule) & (rule[rows, None] >= 0)] = -torch.inf
        cosines.diagonal(start).fill_(-torch.inf)
        best, places = cosines.topk(min(count, len(vectors)), dim=1)
        own = torch.arange(start, start + len(places), device=vectors.device)[:, None]
        found.append(torch.where(best == -torch.inf, own, places))
    return torch.cat(found)


def _soft_weights(
    rows: Tensor, gallery: Tensor, temperature: float, exclude: Pairs | None
) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(rows), TILE_ROWS):
        part = slice(start, start + TILE_ROWS)
        weights = products(rows[part], gallery).sub_(1).div_(temperature).exp_()
        if exclude is not None:
            inside = (exclude.rows >= start) & (exclude.rows < start + TILE_ROWS)
            weights[exclude.rows[inside] - start, exclude.columns[inside]] = 0
        yield part, weights

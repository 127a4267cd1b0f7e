"""The metrics of every query, read off the places of its answers. Floor: metrics; made by `binder.metrics.ranking`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float32, Float64, Int64

from binder.metrics.graded import NDCG, NDCG_CUTOFF, dcg, ideal_dcg
from binder.metrics.pools import expected_in_pool

CUTOFFS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True, eq=False)
class RankTable:
    """Metrics of every query; `means` averages them.

    Attributes:
        ks: the cut-offs, in the order of the columns of `hit` and `recall`.
        num_gallery: items that were ranked.
        num_relevant: relevant items in the gallery, at least one.
        best_rank: of the first relevant item, from 1; halves come from ties.
        hit: 1.0 where a relevant item is among the k most similar.
        recall: relevant items among the k most similar / all relevant items.
        average_precision: over all relevant items.
        average_precision_at_r: the same, over the first R = num_relevant places (mAP@R).
        r_precision: relevant items among the R most similar / R.
        ndcg: nDCG@10; gains are those of the relevance.
        gain_share: sum of the gains / DCG of the ideal order, from which chance follows.
        pools: pool size -> columns of `expected_in_pool`.
    """

    ks: tuple[int, ...]
    num_gallery: int
    num_relevant: Int64[np.ndarray, " query"]
    best_rank: Float64[np.ndarray, " query"]
    hit: Float64[np.ndarray, "query cutoff"]
    recall: Float64[np.ndarray, "query cutoff"]
    average_precision: Float64[np.ndarray, " query"]
    average_precision_at_r: Float64[np.ndarray, " query"]
    r_precision: Float64[np.ndarray, " query"]
    ndcg: Float64[np.ndarray, " query"]
    gain_share: Float64[np.ndarray, " query"]
    pools: Mapping[int, Float64[np.ndarray, "query metric"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.best_rank)

    @property
    def reciprocal_rank(self) -> Float64[np.ndarray, " query"]:
        """1 / rank of the first relevant item."""
        return 1 / self.best_rank

    def columns(self) -> dict[str, Float64[np.ndarray, " query"]]:
        """The metrics whose mean over queries is reported, by name; nDCG@10 where the gallery has ten items."""
        hits = {f"hit@{k}": self.hit[:, i] for i, k in enumerate(self.ks)}
        recalls = {f"recall@{k}": self.recall[:, i] for i, k in enumerate(self.ks)}
        return {
            **hits,
            **recalls,
            "mAP": self.average_precision,
            "mAP@R": self.average_precision_at_r,
            "R-precision": self.r_precision,
            **({NDCG: self.ndcg} if self.num_gallery >= NDCG_CUTOFF else {}),
            "MRR": self.reciprocal_rank,
        }

    def means(self) -> dict[str, float]:
        """Mean of every column, and the median over queries of the best rank."""
        means = {name: float(values.mean()) for name, values in self.columns().items()}
        return {**means, "median_rank": float(np.median(self.best_rank))}

    @classmethod
    def concatenate(cls, tables: "Iterable[RankTable]") -> "RankTable":
        """One table of all queries, in order."""
        parts = list(tables)
        assert parts and all((part.ks, part.num_gallery) == (parts[0].ks, parts[0].num_gallery) for part in parts)
        arrays = [one.name for one in fields(cls) if one.name not in ("ks", "num_gallery", "pools")]
        return cls(
            ks=parts[0].ks,
            num_gallery=parts[0].num_gallery,
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
            pools={size: np.concatenate([part.pools[size] for part in parts]) for size in parts[0].pools},
        )


def rank_table(
    query: Int64[np.ndarray, " answer"],
    scores: Float32[np.ndarray, " answer"],
    gain: Float32[np.ndarray, " answer"],
    irrelevant: Int64[np.ndarray, "answer 2"],
    relevant: Int64[np.ndarray, "answer 2"],
    *,
    num_gallery: int,
    ks: tuple[int, ...],
    pools: tuple[int, ...],
) -> RankTable:
    """Metrics from the counts around every answer.

    Args:
        query: of every answer, rising from 0 without a gap.
        scores: of every answer.
        gain: of every answer.
        irrelevant: irrelevant gallery items above each answer, and not below it.
        relevant: relevant ones above it, and not below it, itself included.
        num_gallery: items in the gallery.
        ks: cut-offs.
        pools: sizes of pools, none above `num_gallery`.
    """
    best_first = np.lexsort((-scores, query))
    gain, irrelevant, relevant = gain[best_first].astype(np.float64), irrelevant[best_first], relevant[best_first]
    num_relevant = np.bincount(query)
    first = np.cumsum(num_relevant) - num_relevant  # where each query's answers start
    order = np.arange(len(query)) - first[query] + 1
    ranks = order + irrelevant.sum(axis=1) / 2
    inside = np.stack([np.add.reduceat((ranks <= k).astype(np.float64), first) for k in ks], axis=1)
    in_r = ranks <= num_relevant[query]
    every = irrelevant + relevant
    ideal = ideal_dcg(gain, query, first)
    above_middle = (irrelevant.sum(axis=1) + 1) // 2
    return RankTable(
        ks=ks,
        num_gallery=num_gallery,
        num_relevant=num_relevant,
        best_rank=np.minimum.reduceat(ranks, first),
        hit=(inside > 0).astype(np.float64),
        recall=inside / num_relevant[:, None],
        average_precision=np.add.reduceat(order / ranks, first) / num_relevant,
        average_precision_at_r=np.add.reduceat(in_r * order / ranks, first) / num_relevant,
        r_precision=np.add.reduceat(in_r.astype(np.float64), first) / num_relevant,
        ndcg=dcg(gain, every[:, 0], every[:, 1], first) / ideal,
        gain_share=np.add.reduceat(gain, first) / ideal,
        pools={
            size: expected_in_pool(above_middle, order, first, num_gallery=num_gallery, size=size) for size in pools
        },
    )

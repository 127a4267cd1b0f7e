"""One question (which gallery items answer these queries?) and how to score vectors on it.

Built by `binder.evaluate.cell`; the raw vectors, the centred ones and every control are scored on
the same question, with the same draws of groups, so that their intervals compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64

from binder.evaluate.items import Items
from binder.metrics import (
    RankTable,
    Relevance,
    cluster_means,
    group_weights,
    percentile_interval,
    pool_chance,
    pool_metrics,
    rank_vectors,
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its 95% interval; no bounds where groups are too few or the metric is a median."""

    value: float
    low: float | None = None
    high: float | None = None


Estimates = dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What a cell would score in galleries of a stated size (`binder.metrics.pools`), and what chance would."""

    metrics: Estimates
    chance: dict[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Queries that have an answer, the gallery, and who answers whom.

    Attributes:
        query: all items of the query side.
        gallery: all items of the gallery side.
        relevance: between the two.
        num_bootstrap: draws of groups.
        seed: of the draws and of the shuffles.
        pools: sizes of galleries to foresee; those larger than the gallery are left out.
    """

    query: Items
    gallery: Items
    relevance: Relevance
    num_bootstrap: int
    seed: int
    pools: tuple[int, ...] = ()

    @cached_property
    def kept(self) -> Int64[np.ndarray, " kept"]:
        """Queries with at least one relevant gallery item; the others are dropped and counted."""
        return np.flatnonzero(self.relevance.answered())

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Group of every kept query."""
        return tuple(self.query.groups[i] for i in self.kept)

    @cached_property
    def _group_index(self) -> tuple[np.ndarray, int]:
        names, index = np.unique(np.array(self.groups), return_inverse=True)
        return index, len(names)

    @property
    def num_groups(self) -> int:
        return self._group_index[1]

    def rank(
        self,
        query_vectors: Float32[np.ndarray, "query dim"],
        gallery_vectors: Float32[np.ndarray, "gallery dim"],
        shuffles: Sequence[Int64[np.ndarray, " gallery"]] = (),
    ) -> list[RankTable]:
        """Rank the gallery for the kept queries, then again with its vectors shuffled in each given way."""
        if len(self.kept) < len(self.query):
            query_vectors = query_vectors[self.kept]
        sizes = tuple(size for size in self.pools if size <= len(self.gallery))
        return rank_vectors(query_vectors, gallery_vectors, self.relevance[self.kept], shuffles=shuffles, pools=sizes)

    def draws(self, table: RankTable) -> Float64[np.ndarray, "draw metric"]:
        """Every mean metric in every draw of groups."""
        return self._resampled(np.stack(list(table.columns().values()), axis=1))

    def _resampled(self, values: Float64[np.ndarray, "query metric"]) -> Float64[np.ndarray, "draw metric"]:
        index, num_groups = self._group_index
        return cluster_means(values, index, group_weights(num_groups, self.num_bootstrap, self.seed))

    def estimates(self, table: RankTable) -> Estimates:
        """Mean metrics with their intervals."""
        return estimates(table.means(), self.draws(table), self.num_groups)

    def pooled(self, table: RankTable) -> dict[int, Pool]:
        """Pool size -> expected metrics with their intervals."""
        found = {}
        for size, columns in table.pools.items():
            means = dict(zip(pool_metrics(size), columns.mean(axis=0).tolist(), strict=True))
            chance = pool_chance(len(self.gallery), table.num_relevant, size)
            metrics = estimates(means, self._resampled(columns), self.num_groups)
            found[size] = Pool(metrics=metrics, chance=chance)
        return found


def estimates(means: dict[str, float], draws: Float64[np.ndarray, "draw metric"], num_groups: int) -> Estimates:
    """Join means with the percentile bounds of their draws, in the order of `means`; the median has none."""
    interval = percentile_interval(draws, num_groups)
    if interval.low is None or interval.high is None:
        return {name: Estimate(value=value) for name, value in means.items()}
    bounds = dict(zip(means, zip(interval.low.tolist(), interval.high.tolist(), strict=True), strict=False))
    return {
        name: Estimate(value=value, low=bounds[name][0], high=bounds[name][1])
        if name in bounds
        else Estimate(value=value)
        for name, value in means.items()
    }

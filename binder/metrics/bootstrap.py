"""How sure a mean over queries is: percentile intervals from resampling whole groups of queries.

Queries of one group (a recording, a subject, a scene) are not independent, so groups are drawn, not
queries. A draw is a vector of multinomial weights over groups; the resampled mean is a ratio of
weighted group sums, so a thousand draws are one matrix product. Used by `binder.evaluate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64, UInt16

from binder.errors import MetricError

CONFIDENCE = 0.95
_BLOCK_WEIGHTS = 2**22  # weights turned into float64 at once: 32 MB


@dataclass(frozen=True, kw_only=True, eq=False)
class Interval:
    """Bounds per metric, or the reason why there are none.

    Attributes:
        low: lower bound per metric; None without an interval.
        high: upper bound per metric; None without an interval.
        num_groups: groups that were resampled.
        reason: why there is no interval; None where there is one.
    """

    low: Float64[np.ndarray, " metric"] | None
    high: Float64[np.ndarray, " metric"] | None
    num_groups: int
    reason: str | None = None


def cluster_bootstrap(
    values: Float64[np.ndarray, "query metric"],
    groups: Sequence[str] | np.ndarray,
    *,
    num: int = 1000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile interval of the mean of every column, resampling groups of queries.

    Args:
        values: one row per query.
        groups: of every query.
        num: resamples.
        seed: of the resamples; the same number of groups and seed give the same draws.
        confidence: mass between the two bounds.

    Raises:
        MetricError: no query, not one group per query, NaN values, or num < 1.
    """
    _check(values, groups, num)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    weights = group_weights(len(names), num, seed)
    return percentile_interval(cluster_means(values, index, weights), len(names), confidence=confidence)


@lru_cache(maxsize=4)  # every cell with the same queries draws the same weights; 2 MB at 1,000 x 1,000
def group_weights(num_groups: int, num: int, seed: int) -> UInt16[np.ndarray, "draw group"]:
    """How often each group is drawn, `num` times drawing as many groups as there are."""
    rng = np.random.default_rng(seed)
    weights = np.empty((num, num_groups), np.uint16)
    for row in weights:
        row[:] = np.bincount(rng.integers(num_groups, size=num_groups), minlength=num_groups)
    weights.flags.writeable = False  # shared through the cache
    return weights


def cluster_means(
    values: Float64[np.ndarray, "query metric"],
    group_index: Int64[np.ndarray, " query"],
    weights: UInt16[np.ndarray, "draw group"],
) -> Float64[np.ndarray, "draw metric"]:
    """Mean over queries in every draw; NaN where a draw holds none of the queries' groups."""
    num_draws, num_groups = weights.shape
    columns = [*values.T, np.ones(len(values))]
    sums = np.stack([np.bincount(group_index, column, minlength=num_groups) for column in columns], axis=1)
    step = max(1, _BLOCK_WEIGHTS // num_groups)
    starts = range(0, num_draws, step)
    drawn = np.concatenate([weights[i : i + step].astype(np.float64) @ sums for i in starts])
    with np.errstate(invalid="ignore"):
        return drawn[:, :-1] / drawn[:, -1:]


def percentile_interval(
    draws: Float64[np.ndarray, "draw metric"], num_groups: int, *, confidence: float = CONFIDENCE
) -> Interval:
    """Bounds that leave out (1 - confidence) / 2 of the draws on either side."""
    if num_groups < 2:
        return Interval(low=None, high=None, num_groups=num_groups, reason="all queries are of one group")
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, (tail, 1 - tail), axis=0)
    return Interval(low=low, high=high, num_groups=num_groups)


def _check(values: np.ndarray, groups: Sequence[str] | np.ndarray, num: int) -> None:
    if len(values) == 0 or len(values) != len(groups):
        raise MetricError.explain(
            "cannot resample", got=f"{len(values)} queries, {len(groups)} groups", expected="one group per query"
        )
    if np.isnan(values).any():
        raise MetricError.explain("NaN among the metrics", got=f"{int(np.isnan(values).sum())} values")
    if num < 1:
        raise MetricError.explain("no resamples", got=num, expected="num >= 1")

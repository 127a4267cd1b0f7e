"""What blind guessing scores: closed forms over a random order of the gallery. No sampling.

Used by `binder.evaluate.cell` beside every metric. Under a random order of N items, of which m are
relevant, the first relevant one comes after rank r with probability C(N-r, m) / C(N, m); hit rate,
reciprocal rank and median follow from it. E[AP] = (1/N) [H_N + (m-1)(N-H_N)/(N-1)], H_N = 1 + 1/2 + ... + 1/N;
E[mAP@R] = (1/N) [H_m + (m-1)(m-H_m)/(N-1)]; E[R-precision] = m/N; nDCG: see `graded`. In a pool of n items that is
known to hold an answer, every probability is divided by that of holding one (see `pools`).
"""

import numpy as np
from jaxtyping import Float64, Int64

from binder.errors import MetricError
from binder.metrics.graded import NDCG, NDCG_CUTOFF, binary_gain_share, ndcg_chance
from binder.metrics.pools import cutoffs_in
from binder.metrics.table import CUTOFFS


def chance_metrics(
    num_gallery: int,
    num_relevant: Int64[np.ndarray, " query"],
    ks: tuple[int, ...] = CUTOFFS,
    *,
    gain_share: Float64[np.ndarray, " query"] | None = None,
) -> dict[str, float]:
    """Expected metrics of a random ranking, under the names of `RankTable.means`.

    Args:
        num_gallery: N, the same for every query.
        num_relevant: m of every query, 1 <= m <= N.
        ks: cut-offs, each 1 <= k <= N.
        gain_share: as `RankTable` has it, where gains differ; None where all are equal.
    """
    _check(num_gallery, num_relevant, ks)
    sizes, counts = np.unique(num_relevant, return_counts=True)
    share = counts / counts.sum()
    later = survival(num_gallery, sizes)
    harmonic = 1 / np.arange(1, num_gallery + 1)
    sums = np.cumsum(harmonic)
    spread = (sizes - 1) / max(1, num_gallery - 1)  # N = 1 has m = 1, which makes the terms 0
    return {
        **{f"hit@{k}": float(share @ (1 - later[:, k])) for k in ks},
        **{f"recall@{k}": k / num_gallery for k in ks},
        "mAP": float(share @ (sums[-1] + spread * (num_gallery - sums[-1]))) / num_gallery,
        "mAP@R": float(share @ (sums[sizes - 1] + spread * (sizes - sums[sizes - 1]))) / num_gallery,
        "R-precision": float(share @ sizes) / num_gallery,
        **_ndcg(num_gallery, binary_gain_share(num_relevant) if gain_share is None else gain_share),
        "MRR": float(share @ ((later[:, :-1] - later[:, 1:]) @ harmonic)),
        "median_rank": _median(share @ later),
    }


def pool_chance(num_gallery: int, num_relevant: Int64[np.ndarray, " query"], size: int) -> dict[str, float]:
    """Expected metrics of a random ranking in a pool, under the names of `pool_metrics`.

    Args:
        num_gallery: items that the pool is drawn from.
        num_relevant: of every query, in the whole gallery.
        size: of the pool.
    """
    _check(num_gallery, num_relevant, (size,))
    sizes, counts = np.unique(num_relevant, return_counts=True)
    later = survival(num_gallery, sizes)[:, : size + 1]
    found = (1 - later) / (1 - later[:, -1:])
    share = counts / counts.sum()
    hits = {f"hit@{k}": float(share @ found[:, k]) for k in cutoffs_in(size)}
    return {**hits, "MRR": float(share @ (np.diff(found, axis=1) @ (1 / np.arange(1, size + 1))))}


def median_best_rank(num_gallery: int, num_relevant: int) -> float:
    """Median of the first relevant item's rank; (N + 1) / 2 where one item is relevant."""
    return _median(survival(num_gallery, np.array([num_relevant]))[0])


def survival(num_gallery: int, num_relevant: Int64[np.ndarray, " size"]) -> Float64[np.ndarray, "size ranks"]:
    """P(first relevant item comes after rank r), for r = 0 .. N."""
    rank = np.arange(1, num_gallery + 1)
    left = num_gallery - rank + 1  # items not yet drawn before rank r
    factors = np.clip((left - num_relevant[:, None]) / left, 0, None)
    return np.cumprod(np.concatenate([np.ones((len(num_relevant), 1)), factors], axis=1), axis=1)


def _ndcg(num_gallery: int, gain_share: np.ndarray) -> dict[str, float]:
    return {NDCG: float(ndcg_chance(gain_share, num_gallery).mean())} if num_gallery >= NDCG_CUTOFF else {}


def _median(later: np.ndarray) -> float:
    """Smallest rank reached with probability one half; midway to the next where it is exactly one half."""
    rank = int(np.argmax(later <= 0.5 + 1e-12))
    return rank + 0.5 if abs(later[rank] - 0.5) <= 1e-12 else float(rank)


def _check(num_gallery: int, num_relevant: np.ndarray, ks: tuple[int, ...]) -> None:
    if len(num_relevant) == 0 or num_relevant.min() < 1 or num_relevant.max() > num_gallery:
        raise MetricError.explain(
            "number of relevant items out of range",
            got=f"{num_relevant.min()} to {num_relevant.max()}" if len(num_relevant) else "no query",
            expected=f"1 to {num_gallery}, the gallery size",
        )
    bad = [k for k in ks if not 1 <= k <= num_gallery]
    if bad:
        raise MetricError.explain("cut-off out of range", got=bad, expected=f"1 <= k <= {num_gallery}")

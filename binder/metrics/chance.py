"""What blind guessing scores: closed forms over a random order of the gallery. No sampling.

Used by `binder.evaluate.cell` beside every metric. Under a random order of N items, of which m are
relevant, the first relevant one comes after rank r with probability C(N-r, m) / C(N, m); hit rate,
reciprocal rank and median follow from it. E[AP] = (1/N) [H_N + (m-1)(N-H_N)/(N-1)], H_N = 1 + 1/2 + ... + 1/N.
"""

import numpy as np
from jaxtyping import Float64, Int64

from binder.errors import MetricError
from binder.metrics.ranking import CUTOFFS


def chance_metrics(
    num_gallery: int, num_relevant: Int64[np.ndarray, " query"], ks: tuple[int, ...] = CUTOFFS
) -> dict[str, float]:
    """Expected metrics of a random ranking, under the names of `RankTable.means`.

    Args:
        num_gallery: N, the same for every query.
        num_relevant: m of every query, 1 <= m <= N.
        ks: cut-offs, each 1 <= k <= N.
    """
    _check(num_gallery, num_relevant, ks)
    sizes, counts = np.unique(num_relevant, return_counts=True)
    share = counts / counts.sum()
    later = survival(num_gallery, sizes)
    harmonic = 1 / np.arange(1, num_gallery + 1)
    total = float(harmonic.sum())
    spread = (num_gallery - total) / max(1, num_gallery - 1)  # N = 1 has m = 1, which makes the term 0
    return {
        **{f"hit@{k}": float(share @ (1 - later[:, k])) for k in ks},
        **{f"recall@{k}": k / num_gallery for k in ks},
        "mAP": float(share @ (total + (sizes - 1) * spread)) / num_gallery,
        "MRR": float(share @ ((later[:, :-1] - later[:, 1:]) @ harmonic)),
        "median_rank": _median(share @ later),
    }


def median_best_rank(num_gallery: int, num_relevant: int) -> float:
    """Median of the first relevant item's rank; (N + 1) / 2 where one item is relevant."""
    return _median(survival(num_gallery, np.array([num_relevant]))[0])


def survival(num_gallery: int, num_relevant: Int64[np.ndarray, " size"]) -> Float64[np.ndarray, "size ranks"]:
    """P(first relevant item comes after rank r), for r = 0 .. N."""
    rank = np.arange(1, num_gallery + 1)
    left = num_gallery - rank + 1  # items not yet drawn before rank r
    factors = np.clip((left - num_relevant[:, None]) / left, 0, None)
    return np.cumprod(np.concatenate([np.ones((len(num_relevant), 1)), factors], axis=1), axis=1)


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

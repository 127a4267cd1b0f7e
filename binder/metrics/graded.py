"""nDCG with graded relevance and ties shared fairly. Floor: metrics; called by `binder.metrics.table` and `chance`.

DCG@k = sum of gain / log2(1 + rank) over the first k items, gains as they are (linear), divided by that of the ideal
order [1]. Items that tie share the discounts of the places they take together, which is the mean over all orders of
the tie [2]; so a collapsed space scores chance. Equal to scikit-learn's `ndcg_score` and, without ties, to
pytrec_eval's `ndcg_cut`.

[1] Jarvelin, Kekalainen, Cumulated gain-based evaluation of IR techniques, TOIS 2002.
[2] McSherry, Najork, Computing information retrieval performance measures efficiently in the presence of tied scores,
ECIR 2008.
"""

import numpy as np
from jaxtyping import Float64, Int64

NDCG_CUTOFF = 10
NDCG = f"nDCG@{NDCG_CUTOFF}"
_DISCOUNTS = 1 / np.log2(np.arange(2, NDCG_CUTOFF + 2))
_UP_TO = np.concatenate([[0.0], np.cumsum(_DISCOUNTS)])  # sum of the first r discounts


def dcg(
    gain: Float64[np.ndarray, " answer"],
    above: Int64[np.ndarray, " answer"],
    not_below: Int64[np.ndarray, " answer"],
    first: Int64[np.ndarray, " query"],
) -> Float64[np.ndarray, " query"]:
    """DCG@10 of every query.

    Args:
        gain: of every answer, query after query.
        above: items, relevant or not, that score higher.
        not_below: items that score higher or tie, the answer included.
        first: where each query's answers start.
    """
    shared = _up_to(not_below) - _up_to(above)
    return np.add.reduceat(gain * shared / (not_below - above), first)


def ideal_dcg(
    gain: Float64[np.ndarray, " answer"], query: Int64[np.ndarray, " answer"], first: Int64[np.ndarray, " query"]
) -> Float64[np.ndarray, " query"]:
    """DCG@10 of the best order of every query's answers."""
    best_first = gain[np.lexsort((-gain, query))]
    place = np.arange(len(gain)) - first[query]
    return np.add.reduceat(best_first * (_up_to(place + 1) - _up_to(place)), first)


def ndcg_chance(gain_share: Float64[np.ndarray, " query"], num_gallery: int) -> Float64[np.ndarray, " query"]:
    """Expected nDCG@10 of a random order: every place holds the mean gain.

    Args:
        gain_share: sum of a query's gains / its ideal DCG.
        num_gallery: N, at least 10.
    """
    return gain_share * _UP_TO[-1] / num_gallery


def binary_gain_share(num_relevant: Int64[np.ndarray, " query"]) -> Float64[np.ndarray, " query"]:
    """`gain_share` where all gains are equal."""
    return num_relevant / _up_to(num_relevant)


def _up_to(place: np.ndarray) -> np.ndarray:
    return _UP_TO[np.minimum(place, NDCG_CUTOFF)]

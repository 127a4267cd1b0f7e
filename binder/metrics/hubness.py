"""Hubness: gallery items that turn up for everybody, and items that nobody finds. Floor: metrics.

Called by `binder.evaluate.geometry`, before and after a correction. In high dimensions the k-occurrence of items is
skewed, and a cross-modal gap makes it worse [1].

[1] Radovanovic, Nanopoulos, Ivanovic, Hubs in Space, JMLR 11 (2010)
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy.stats import skew

from binder.errors import MetricError


@dataclass(frozen=True, kw_only=True)
class Hubness:
    """How evenly a gallery is found.

    Attributes:
        k: list length.
        skewness: third standardised moment of the k-occurrence; 0 for an even gallery, above 1 there are hubs.
        never: share of the gallery in nobody's first k, 0 to 1; ties count by their share.
        largest: share of the queries that list the most listed item.
    """

    k: int
    skewness: float
    never: float
    largest: float


def hubness(blocks: Iterable[Float32[np.ndarray, "_ gallery"]], k: int = 10) -> Hubness:
    """Hubness of a gallery under scores that arrive a block of queries at a time.

    Raises:
        MetricError: no query, or k outside 1 .. gallery.
    """
    counts, num_queries = None, 0
    for scores in blocks:
        listed = _listed(scores, k).sum(axis=0)
        counts = listed if counts is None else counts + listed
        num_queries += len(scores)
    if counts is None or not num_queries:
        raise MetricError.explain("no queries to count", expected="at least one block")
    even = np.ptp(counts) < 1e-9 * num_queries
    return Hubness(
        k=k,
        skewness=0.0 if even else float(skew(counts)),
        never=float((counts == 0).mean()),
        largest=float(counts.max() / num_queries),
    )


def _listed(scores: Float32[np.ndarray, "query gallery"], k: int) -> Float64[np.ndarray, "query gallery"]:
    """Share of a place among the first k: 1 above the k-th score, and what is left is split by those that tie there."""
    if not 1 <= k <= scores.shape[1]:
        raise MetricError.explain("list length out of range", got=k, expected=f"1 to {scores.shape[1]}, the gallery")
    last = np.partition(scores, -k, axis=1)[:, -k, None]
    above, tied = scores > last, scores == last
    left = k - above.sum(axis=1, keepdims=True)
    return above + tied * (left / tied.sum(axis=1, keepdims=True))

"""What a query would score in a gallery of a stated size, so that sets of different size compare. Floor: metrics.

The pool of a query is a draw of N of the M gallery items, all draws equally likely, given that at least one of them
answers the query (a query without an answer is dropped, here as everywhere). With one answer that is the answer and
N - 1 random others; with several, their share of the gallery is kept, as if fewer items had been collected: keeping all
answers would make a pool easier the smaller it is. What is reported is the exact mean over all draws, so nothing is
drawn and no seed matters. Let a_i irrelevant items stand above the i-th best of m answers. Then [hypergeometric]

    P(answer i is the first one drawn, x of its a_i are drawn) = C(a_i, x) C(M - i - a_i, N - 1 - x) / C(M, N),

and hit@k sums it over i and x < k; with weights 1 / (x + 1) it sums to the reciprocal rank in closed form. An answer in
a tie takes the middle place of the full gallery, rounded up (as a hit does: rank 1.5 is no hit at 1), before the draw.
"""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import gammaln

from binder.errors import MetricError

_CUTOFFS = (1, 5, 10)


def cutoffs_in(size: int) -> tuple[int, ...]:
    """Cut-offs of the hit rates that a pool of this size has."""
    return tuple(k for k in _CUTOFFS if k <= size)


def pool_metrics(size: int) -> tuple[str, ...]:
    """Names of the columns of `expected_in_pool`."""
    return (*(f"hit@{k}" for k in cutoffs_in(size)), "MRR")


def expected_in_pool(
    above: Int64[np.ndarray, " answer"],
    order: Int64[np.ndarray, " answer"],
    first: Int64[np.ndarray, " query"],
    *,
    num_gallery: int,
    size: int,
) -> Float64[np.ndarray, "query metric"]:
    """Mean hit@k and reciprocal rank of every query over all pools, see above.

    Args:
        above: a_i of every answer, query after query, best first.
        order: i of every answer, from 1.
        first: where each query's answers start.
        num_gallery: M.
        size: N, at most M.
    """
    total = _log_choose(num_gallery, size)
    below = num_gallery - order - above
    drawn = [
        np.exp(_log_choose(above, x) + _log_choose(below, size - 1 - x) - total) for x in range(cutoffs_in(size)[-1])
    ]
    hits = np.cumsum(drawn, axis=0)
    columns = [hits[k - 1] for k in cutoffs_in(size)]
    some = np.exp(_log_choose(num_gallery - order + 1, size) - total)
    none = np.exp(_log_choose(below, size) - total)
    columns.append((some - none) / (above + 1))
    num_answers = np.diff(np.append(first, len(order)))
    answered = 1 - np.exp(_log_choose(num_gallery - num_answers, size) - total)
    return np.add.reduceat(np.stack(columns, axis=1), first, axis=0) / answered[:, None]


def check_pools(sizes: tuple[int, ...], num_gallery: int | None = None) -> None:
    """Raise unless every pool holds an item besides the answer, and no more than the gallery, where that is known."""
    if bad := [size for size in sizes if size < 2 or (num_gallery is not None and size > num_gallery)]:
        expected = "at least 2" if num_gallery is None else f"2 to {num_gallery}, the gallery"
        raise MetricError.explain("size of a pool out of range", got=bad, expected=expected)


def _log_choose(n: np.ndarray | int, k: np.ndarray | int) -> np.ndarray:
    """Log C(n, k); -inf where k is negative or above n."""
    n, k = np.asarray(n, np.float64), np.asarray(k, np.float64)
    possible = (k >= 0) & (k <= n)
    n, k = np.where(possible, n, 0), np.where(possible, k, 0)
    return np.where(possible, gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), -np.inf)

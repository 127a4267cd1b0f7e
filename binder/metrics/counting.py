"""How many gallery items score higher than an answer, without sorting where answers are few. Floor: metrics.

Used by `binder.metrics.ranking` only. Two scores that differ by at most the tolerance tie. So two counts place an
answer of score s: items above s + tolerance, and items not below s - tolerance; half of their sum is the middle of
the tie. Both are "how many exceed a limit" (`limits`), which has two ways: compare the whole row with each limit, or
sort the row once and look limits up. Comparing costs a pass over memory per limit and no more than a few per cent of
the matrix product that made the row; from about `FEW` answers a query on, sorting is cheaper.
"""

import numpy as np
import torch
from jaxtyping import Float32, Int64

# Rounding of a float32 dot product of n-dimensional unit vectors: n u with u = 6e-8 in the worst case, about
# sqrt(n / 16) u in practice (16 partial sums): 3e-7 at n = 512, 1e-6 at 4096. Smaller differences say nothing.
TOLERANCE = 1e-6
FEW = 8  # answers a query; beyond, 16 passes over a row cost more than sorting it
_TILE = (1020, 2048)  # rows a product needs to be fast; columns whose comparisons stay in a core's cache
_COUNTED = 255  # rows compared at once: column counts fit a byte


def product(
    query: Float32[np.ndarray, "query dim"], gallery: Float32[np.ndarray, "gallery dim"]
) -> Float32[np.ndarray, "query gallery"]:
    """Dot products; torch's are up to four times faster than numpy's where one side is short."""
    return torch.mm(torch.from_numpy(query), torch.from_numpy(gallery).T).numpy()


def limits(scores: Float32[np.ndarray, " answer"], tolerance: float) -> Float32[np.ndarray, "answer 2"]:
    """What an item must exceed to be above an answer, and to be not below it."""
    step = np.float32(tolerance)
    return np.stack([scores + step, np.nextafter(scores - step, np.float32(-np.inf))], axis=1)


def exceeding_by_comparing(
    block: Float32[np.ndarray, "row gallery"],
    row: Int64[np.ndarray, " answer"],
    limit: Float32[np.ndarray, "answer 2"],
) -> Int64[np.ndarray, "answer 2"]:
    """How many items of its row exceed each limit of an answer; one pass over `block` per limit of a row."""
    slot = slots(row)
    counts = _row_counts(block, _padded(row, slot, limit, len(block)))
    return counts.reshape(len(block), -1, 2)[row, slot]


class SortedRows:
    """A block whose rows are sorted once, for any number of limits.

    Keys that begin with the row number make the sorted rows one flat sorted array, searched in one call.
    """

    def __init__(self, block: Float32[np.ndarray, "row gallery"]) -> None:
        self.num_gallery = block.shape[1]
        self.keys = _keys(np.arange(len(block))[:, None], np.sort(block, axis=1)).ravel()

    def exceeding(
        self, row: Int64[np.ndarray, " answer"], limit: Float32[np.ndarray, "answer 2"]
    ) -> Int64[np.ndarray, "answer 2"]:
        """How many items of its row exceed each limit of an answer."""
        end = (row[:, None] + 1) * self.num_gallery
        return end - np.searchsorted(self.keys, _keys(row[:, None], limit), "right")


def exceeding_among(
    row: Int64[np.ndarray, " answer"],
    scores: Float32[np.ndarray, " answer"],
    limit: Float32[np.ndarray, "answer 2"],
) -> Int64[np.ndarray, "answer 2"]:
    """How many answers of its own row exceed each limit of an answer; rows rise."""
    keys = np.sort(_keys(row, scores))
    end = np.searchsorted(row, row, "right")[:, None]
    return end - np.searchsorted(keys, _keys(row[:, None], limit), "right")


def exceeding_both_ways(
    a: Float32[np.ndarray, "row dim"],
    b: Float32[np.ndarray, "column dim"],
    row: Int64[np.ndarray, " answer"],
    column: Int64[np.ndarray, " answer"],
    limit: Float32[np.ndarray, "answer 2"],
) -> tuple[Int64[np.ndarray, "answer 2"], Int64[np.ndarray, "answer 2"]]:
    """How many irrelevant items exceed each limit, of an answer's row and of its column, from one product.

    Args:
        a: asks, in the first count; answers in the second.
        b: the other side.
        row: of every answer, rising.
        column: of every answer.
        limit: see `limits`.
    """
    by_column = np.argsort(column, kind="stable")
    column_slot = np.empty_like(column)
    column_slot[by_column] = slots(column[by_column])
    row_limits = _padded(row, slots(row), limit, len(a))
    column_limits = np.ascontiguousarray(_padded(column, column_slot, limit, len(b)).T)
    above, beside = np.zeros(row_limits.shape, np.int64), np.zeros(column_limits.shape, np.int64)
    for top in range(0, len(a), _TILE[0]):
        own = slice(*np.searchsorted(row, [top, top + _TILE[0]]))
        for left in range(0, len(b), _TILE[1]):
            tile = product(a[top : top + _TILE[0]], b[left : left + _TILE[1]])
            inside = (column[own] >= left) & (column[own] < left + _TILE[1])
            tile[row[own][inside] - top, column[own][inside] - left] = -np.inf  # answers don't push each other down
            for low in range(0, len(tile), _COUNTED):
                part, rows = tile[low : low + _COUNTED], slice(top + low, top + min(low + _COUNTED, len(tile)))
                above[rows] += _row_counts(part, row_limits[rows])
                beside[:, left : left + _TILE[1]] += _column_counts(part, column_limits[:, left : left + _TILE[1]])
    forward = above.reshape(len(a), -1, 2)[row, slots(row)]
    return forward, beside.T.reshape(len(b), -1, 2)[column, column_slot]


def slots(group: Int64[np.ndarray, " answer"]) -> Int64[np.ndarray, " answer"]:
    """Number of each entry within its group, from 0; groups rise."""
    return np.arange(len(group)) - np.searchsorted(group, group, "left")


def _padded(row: np.ndarray, slot: np.ndarray, limit: np.ndarray, num_rows: int) -> np.ndarray:
    """Limits as (row, 2 x most answers); nothing exceeds what is not there."""
    padded = np.full((num_rows, int(slot.max(initial=0)) + 1, 2), np.inf, np.float32)
    padded[row, slot] = limit
    return padded.reshape(num_rows, -1)


def _row_counts(block: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """(row, limit): items of each row above its limits."""
    counts, above = np.empty(limit.shape, np.int64), np.empty(block.shape, bool)
    for number in range(limit.shape[1]):
        np.greater(block, limit[:, number, None], out=above)
        counts[:, number] = [np.count_nonzero(line) for line in above]  # three times faster than with axis=1
    return counts


def _column_counts(block: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """(limit, column): items of each column above its limits; at most 255 rows."""
    counts, above = np.empty(limit.shape, np.uint8), np.empty(block.shape, bool)
    for number in range(len(limit)):
        np.greater(block, limit[number], out=above)
        np.add.reduce(above.view(np.uint8), axis=0, dtype=np.uint8, out=counts[number])
    return counts


def _keys(row: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Integers in the order of (row, float32 value): equal where both are equal (0.0 and -0.0 too)."""
    bits = (values + np.float32(0)).view(np.int32)  # -0.0 + 0.0 = 0.0
    return (row.astype(np.int64) << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF))  # negative: more magnitude is less

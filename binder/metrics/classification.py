"""Classification by similarity to prototypes: accuracy per class, average precision, confusion. Floor: metrics.

Used by `binder.evaluate.protocols`. Queries carry weights (how often a bootstrap draw holds them), so that a
thousand draws cost one sort a class. Top-k accuracy is `ranking`'s hit rate at k, with its mid-rank ties.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

_BLOCK_WEIGHTS = 2**21  # weights of queries handled at once: 16 MB as float64


def best_of_names(
    similarity: Float32[np.ndarray, "query name"], class_of_name: Int64[np.ndarray, " name"]
) -> Float32[np.ndarray, "query class"]:
    """Score of a class: of its most similar name (R. Girdhar et al., 2023, ImageBind, NYU's class "other").

    Args:
        similarity: of queries to names.
        class_of_name: 0 .. classes - 1, every class with at least one name.
    """
    order = np.argsort(class_of_name, kind="stable")
    starts = np.searchsorted(class_of_name[order], np.arange(class_of_name.max() + 1))
    return np.maximum.reduceat(similarity[:, order], starts, axis=1)


def class_means(
    values: Float64[np.ndarray, " query"], truth: Bool[np.ndarray, "query class"], weights: np.ndarray
) -> Float64[np.ndarray, "draw class"]:
    """Weighted mean of `values` over the queries of every class; NaN where a draw holds none of them.

    Args:
        values: such as 1.0 where a query was right: the mean over classes then is macro (balanced) accuracy.
        truth: the labels of every query, one or several.
        weights: (draw, query), not negative.
    """
    sums = _product(weights, truth * values[:, None])
    with np.errstate(invalid="ignore"):
        return sums / _product(weights, truth.astype(np.float64))


def average_precisions(
    scores: Float32[np.ndarray, "query class"], truth: Bool[np.ndarray, "query class"], weights: np.ndarray
) -> Float64[np.ndarray, "draw class"]:
    """Average precision of every class over all queries; NaN where a draw holds no query of the class.

    AP = sum over thresholds of (gain in recall) x precision, equal scores at one threshold: what
    `sklearn.metrics.average_precision_score` computes, `weights` being its `sample_weight`.

    Args:
        scores: higher is more likely.
        truth: the labels of every query, one or several.
        weights: (draw, query), not negative.
    """
    step = max(1, _BLOCK_WEIGHTS // len(scores))
    columns = []
    for column, positive in zip(scores.T, truth.T, strict=True):
        order = np.argsort(-column, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(column[order])), len(order) - 1)  # last query of each threshold
        blocks = (weights[i : i + step, order].astype(np.float64) for i in range(0, len(weights), step))
        columns.append(np.concatenate([_precision(block, positive[order], ends) for block in blocks]))
    return np.stack(columns, axis=1)


def confusion(scores: Float32[np.ndarray, "query class"], truth: Int64[np.ndarray, " query"]) -> np.ndarray:
    """Counts, int64 (true class, predicted class or undecided).

    The last column counts the queries whose best score is shared by several classes.
    """
    num_classes = scores.shape[1]
    predicted = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), predicted]
    predicted[(scores == best[:, None]).sum(axis=1) > 1] = num_classes
    counts = np.zeros((num_classes, num_classes + 1), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def _product(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    step = max(1, _BLOCK_WEIGHTS // len(values))
    return np.concatenate([weights[i : i + step].astype(np.float64) @ values for i in range(0, len(weights), step)])


def _precision(weights: np.ndarray, positive: np.ndarray, ends: np.ndarray) -> np.ndarray:
    retrieved = np.cumsum(weights, axis=1)[:, ends]
    right = np.cumsum(weights * positive, axis=1)[:, ends]
    gain = np.diff(right, axis=1, prepend=0)
    with np.errstate(invalid="ignore"):
        precision = np.where(retrieved > 0, right / retrieved, 0)
        return (gain * precision).sum(axis=1) / right[:, -1]

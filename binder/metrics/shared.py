"""A forecast, from one tower and the hub alone, of whether other towers will find its vectors. Floor: metrics.

Called by the trainer's validation. Retrieval from the hub can't tell: at a low temperature the loss is satisfied as
soon as the right hub item wins by a hair, and leaves most of the vector to the encoder's initial weights, which no
other tower has. What was measured is in docs/shared_space.md.
"""

import math

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from binder.errors import MetricError
from binder.metrics.relevant import Relevance

SOUND = 0.5  # above it a match outweighs the largest accident
_BLOCK = 4096  # samples whose items are looked up at once


def shared_score(
    vectors: Float32[np.ndarray, "sample dim"],
    hub: Float32[np.ndarray, "item dim"],
    relevant: Bool[np.ndarray, "sample item"] | Relevance,
) -> float:
    """Part of a match's score, between two towers trained apart, that the hub determines.

    Let b_i be the direction, from the mean of the hub items, to what sample i belongs to, and split the tower's
    vector into x_i = p b_i + r_i. Another tower gives y_j = q b_j + s_j. The hub determines the b; the residuals r, s
    come from elsewhere and are taken as independent. Then x_i . y_j is p q for a match, plus an accident r_i . s_j
    whose root mean square is sqrt(tr(R S)), with R and S the residuals' covariances, and whose largest of N values is
    about sqrt(2 ln N) times that [1]. For a partner like the tower itself (q = p, S = R) the score is

        p^2 / (p^2 + sqrt(2 ln N) sqrt(tr R^2)),

    more than one half where a match outweighs the largest accident. As sqrt(tr R^2) = tr R / sqrt(d), with d the
    participation ratio of R, this is "p q > sqrt(2 ln N / d)" with all of it measured. A constant offset is left out of
    R, since centring removes it. No emergent pair is used.

    What it can't see: residuals that both towers share, because the world shares them, make the forecast too low; wrong
    neighbours in the hub make it too high, as they lower p only in the mean, and so does a large offset where vectors
    are compared without centring. Read it beside the retrieval scores.

    [1] Boucheron, Lugosi, Massart, Concentration Inequalities, 2013, theorem 2.5.

    Args:
        vectors: unit vectors of the tower.
        hub: unit vectors of the distinct hub items.
        relevant: where the item belongs to the sample; samples with the same items are a group, and N counts them.

    Returns:
        In [0, 1]; see `SOUND`. 0 where the tower is not aligned at all.

    Raises:
        MetricError: samples without an item, or all of one group, so that there is nothing to confuse.
    """
    centred = hub.astype(np.float64) - hub.mean(axis=0, dtype=np.float64)
    group, towards = _groups(Relevance.of(relevant), centred)
    direction = _unit(towards)
    alignment = (vectors * direction).sum(axis=1, keepdims=True)
    residual = vectors - alignment * direction
    match = max(float(alignment.mean()), 0.0) ** 2
    accident = math.sqrt(2 * math.log(group.max() + 1)) * _rms_between(residual - residual.mean(axis=0), group)
    return match / (match + accident) if match else 0.0


def _groups(
    relevance: Relevance, items: Float64[np.ndarray, "item dim"]
) -> tuple[Int64[np.ndarray, " sample"], Float64[np.ndarray, "sample dim"]]:
    """Group number of every sample, from 0, which its first relevant item names; and the sum of its relevant items."""
    lonely = np.flatnonzero(~relevance.answered())
    if len(lonely):
        raise MetricError.explain(
            "samples without a hub item", got=f"{len(lonely)} of them, first {lonely[:5].tolist()}"
        )
    first, towards = np.empty(relevance.shape[0], np.int64), np.empty((relevance.shape[0], items.shape[1]))
    for start in range(0, len(first), _BLOCK):
        own = slice(start, start + _BLOCK)
        answers = relevance[own].matrix()
        first[own] = answers.indices[answers.indptr[:-1]]
        towards[own] = answers.astype(bool) @ items
    found, group = np.unique(first, return_inverse=True)
    if len(found) < 2:
        raise MetricError.explain("nothing to confuse", got=f"{len(first)} samples of one group", expected="two groups")
    return group, towards


def _rms_between(residual: Float64[np.ndarray, "sample dim"], group: Int64[np.ndarray, " sample"]) -> float:
    """Root mean square of the products of residuals of different groups, without their sample x sample matrix."""
    parts = np.split(residual[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    squares = _sum_of_squared_products(residual) - sum(_sum_of_squared_products(part) for part in parts)
    pairs = len(group) ** 2 - int((np.bincount(group) ** 2).sum())
    return math.sqrt(max(squares, 0.0) / pairs)  # rounding may leave it just below zero


def _sum_of_squared_products(rows: Float64[np.ndarray, "row dim"]) -> float:
    """Of all pairs of rows; the two Gram matrices have the same norm, so take the smaller one."""
    gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    return float((gram**2).sum())


def _unit(rows: Float64[np.ndarray, "row dim"]) -> Float64[np.ndarray, "row dim"]:
    """Rows of norm one; a row of zeros stays one."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)

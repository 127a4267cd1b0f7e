"""What most score stages share: a gallery item that is near to everybody pays for it. Floor: evaluate.

The penalty of an item is a function of its similarities to a bank of queries, computed once per gallery, a block of
items at a time. An index can store it as one more dimension of the item's vector.
"""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32
from scipy.special import logsumexp

from binder.evaluate.corrections.stage import Banks, Scorer, ScoreStage, Vectors
from binder.metrics import rows_per_block

Similarities = Float32[np.ndarray, "_ _"]
PerItem = Float32[np.ndarray, "_"]


class PenaltyStage(ScoreStage):
    """s(q, g) - penalty(g), s the cosine."""

    @abstractmethod
    def penalty(self, similarities: Similarities) -> PerItem:
        """What each item pays, from its similarities to the bank."""

    def penalties(self, gallery: Vectors, bank: Vectors) -> PerItem:
        """`penalty` of a whole gallery."""
        return np.concatenate([self.penalty(block) for block in blocks(gallery, bank)])

    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """One number per gallery item."""
        penalties = self.penalties(gallery, banks.query)
        return lambda query: query @ gallery.T - penalties


def blocks(rows: Vectors, columns: Vectors) -> Iterator[Similarities]:
    """Similarities of some rows at a time with all columns."""
    step = rows_per_block(len(columns))
    return (rows[start : start + step] @ columns.T for start in range(0, len(rows), step))


def top_mean(similarities: Similarities, k: int) -> PerItem:
    """Mean of the k largest of each row, or of all where there are fewer."""
    if k >= similarities.shape[1]:
        return similarities.mean(axis=1)
    return np.partition(similarities, -k, axis=1)[:, -k:].mean(axis=1)


def soft_mean(similarities: Similarities, beta: float) -> PerItem:
    """log(mean(exp(beta s))) / beta of each row: between the mean (beta 0) and the maximum."""
    total = np.asarray(logsumexp(beta * similarities, axis=1), np.float32)
    return (total - np.float32(np.log(similarities.shape[1]))) / np.float32(beta)

"""Which rows of a batch or bank belong together. Floor: losses; used by the objective.

Rows are positives if they agree on at least one rule (the same hub item, the same label). That union is
counted by inclusion and exclusion over classes of equal keys, so no row x row matrix is needed.
"""

from collections.abc import Iterator
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Positives:
    """The positives of every row among all rows; each row is its own positive.

    Args:
        keys: one integer per row and rule; negative means unknown and agrees with nothing.

    Attributes:
        counts: positives of each row, float32, at least 1.
    """

    def __init__(self, keys: Int[Tensor, "row rule"]) -> None:
        self._classes = list(_classes(keys))
        # a row that no rule knows is its own positive all the same
        self._alone = (keys < 0).all(dim=1)
        self.counts = self.sums(torch.ones(len(keys), 1, device=keys.device)).squeeze(1)

    def sums(self, vectors: Float[Tensor, "row dim"]) -> Float[Tensor, "row dim"]:
        """For each row, the sum of `vectors` over its positives."""
        total = torch.where(self._alone[:, None], vectors, 0)
        for sign, codes, known in self._classes:
            sums = vectors.new_zeros(int(codes.max()) + 1, vectors.shape[1])
            sums.index_add_(0, codes[known], vectors[known])
            total = total + sign * torch.where(known[:, None], sums[codes], 0)
        return total


def _classes(
    keys: Int[Tensor, "row rule"],
) -> Iterator[tuple[int, Int[Tensor, " row"], Bool[Tensor, " row"]]]:
    """Sign, class number and validity of each row, for every set of rules: |A or B| = |A| + |B| - |A and B|."""
    rules = range(keys.shape[1])
    for size in range(1, len(rules) + 1):
        for chosen in combinations(rules, size):
            part = keys[:, list(chosen)]
            known = (part >= 0).all(dim=1)
            if known.any():
                yield (-1) ** (size + 1), torch.unique(part, dim=0, return_inverse=True)[1], known


def agree(a: Int[Tensor, "pair rule"], b: Int[Tensor, "pair rule"]) -> Bool[Tensor, " pair"]:
    """Whether two rows agree on at least one known rule, pair by pair."""
    return ((a == b) & (a >= 0)).any(dim=1)

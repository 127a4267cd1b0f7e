"""How the hub items of one set, a batch or a bank, belong together: positives, duplicates, soft targets.

Floor: losses; used by the objective and the bank. Constant, because the hub is frozen.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from binder.config import LossConfig
from binder.losses.positives import Positives
from binder.losses.similarity import near_duplicates, soft_sums, soft_totals
from binder.losses.tiles import Pairs


class Relations:
    """What a target is made of, q = (1 - soft) even over positives + soft softmax(hub . hub / temperature).

    Args:
        vectors: unit hub vectors.
        keys: see `Positives`.
        config: mask, soft share and its temperature.

    Each part is computed when it is first asked for: a step against a bank may need none of its batch's.
    """

    def __init__(self, vectors: Float[Tensor, "item dim"], keys: Int[Tensor, "item rule"], config: LossConfig) -> None:
        self._vectors, self._keys, self._threshold = vectors, keys, config.mask_above
        self._soft, self._temperature = config.soft, config.soft_temperature

    @cached_property
    def positives(self) -> Positives:
        """Positives by keys."""
        return Positives(self._keys)

    @cached_property
    def exclude(self) -> Pairs | None:
        """Places that are neither positives nor negatives; None where nothing is masked."""
        if self._threshold is None:
            return None
        return near_duplicates(self._vectors, self._vectors, self._keys, self._keys, self._threshold)

    def to_hub(self, values: Float[Tensor, "item value"]) -> Float[Tensor, "item value"]:
        """sum_j q_ij values_j: the mean of what item i should find."""
        even = self.positives.sums(values) / self.positives.counts[:, None]
        if not self._soft:
            return even
        return torch.lerp(even, self._similar(values) / self._totals, self._soft)

    def from_hub(self, values: Float[Tensor, "item value"]) -> Float[Tensor, "item value"]:
        """sum_j q_ji values_j: what row i is found by."""
        even = self.positives.sums(values / self.positives.counts[:, None])
        if not self._soft:
            return even
        return torch.lerp(even, self._similar(values / self._totals), self._soft)

    @cached_property
    def _totals(self) -> Float[Tensor, "item 1"]:
        return soft_totals(self._vectors, self._vectors, self._temperature, self.exclude)[:, None]

    def _similar(self, values: Tensor) -> Tensor:
        return soft_sums(self._vectors, self._vectors, values, self._temperature, self.exclude)


def prefixes(vectors: Float[Tensor, "row dim"], widths: Sequence[int]) -> list[Float[Tensor, "row _"]]:
    """Unit vectors, and the unit vectors of their first `widths` dimensions (Matryoshka).

    A. Kusupati et al., "Matryoshka Representation Learning", 2022, eq. 1, https://arxiv.org/abs/2205.13147.
    """
    return [vectors, *(torch.nn.functional.normalize(vectors[:, :width], dim=1) for width in widths)]

"""Stage `centre`: every modality loses its own mean. Floor: evaluate.

Towers trained apart keep an offset of their own, and two offsets meet in an emergent pair [1]: the mean of a tower
times the gallery's item is added to every score, the same for all queries, which makes hubs of some items. The mean
comes from training vectors; a mean of the test vectors would let the test set correct itself.

[1] Liang et al., Mind the Gap, NeurIPS 2022, https://arxiv.org/abs/2203.02053
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from binder.evaluate.corrections.stage import Affine, Vectors, VectorStage, register_stage


@register_stage
class Centre(VectorStage):
    """x -> norm(x - mean of the modality)."""

    name = "centre"

    def fit(self, training: Mapping[str, Vectors], native: Sequence[str]) -> dict[str, Affine]:
        """A mean per modality."""
        return {modality: Affine(mean=vectors.mean(axis=0)) for modality, vectors in training.items()}


def centred(vectors: Vectors, centre: Float32[np.ndarray, " dim"]) -> Vectors:
    """Subtract `centre` and return to unit norm, as `Affine` does. Used by `binder.evaluate.cell`."""
    return Affine(mean=centre)(vectors)

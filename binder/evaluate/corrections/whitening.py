"""Stage `whiten`: centring, then the whitening of the hub's vectors for all modalities. Floor: evaluate.

Directions in which the hub's items lie alike weigh little afterwards. The matrix is S^(-1/2) of the hub's covariance,
shrunk as the hub's own transform does it (Ledoit and Wolf, see `binder.hub.transform`). One matrix for all: one of its
own for each modality would turn them against each other. Towers spread over fewer directions than the hub, so what is
noise in them grows: where that is so, whitening belongs before training (`hub.transform: whiten`), not after it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from binder.evaluate.corrections.stage import Affine, Vectors, VectorStage, register_stage
from binder.hub.transform import fit_hub_transform


@register_stage
class Whiten(VectorStage):
    """x -> norm(W (x - mean of the modality)), W of the hub's modalities."""

    name = "whiten"

    def fit(self, training: Mapping[str, Vectors], native: Sequence[str]) -> dict[str, Affine]:
        """A mean per modality and one matrix.

        Raises:
            HubError: hub vectors that do not vary.
        """
        means = {modality: vectors.mean(axis=0) for modality, vectors in training.items()}
        within = np.concatenate([training[modality] - means[modality] for modality in native])
        matrix = fit_hub_transform("whiten", torch.from_numpy(within)).matrix.numpy()
        return {modality: Affine(mean=mean, matrix=matrix) for modality, mean in means.items()}

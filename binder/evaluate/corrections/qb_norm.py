"""Stage `qb-norm`: inverted softmax, only where a hub is about to win. Floor: evaluate."""

import numpy as np
from jaxtyping import Bool
from pydantic import Field

from binder.evaluate.corrections.inverted_softmax import InvertedSoftmax
from binder.evaluate.corrections.penalty import Similarities, blocks
from binder.evaluate.corrections.stage import Banks, Scorer, Vectors, register_stage


@register_stage
class QbNorm(InvertedSoftmax):
    """Query-bank normalisation with the dynamic inverted softmax [1].

    Gallery items that some query of the bank finds among its first k are the activation set. A query whose nearest item
    is in it is scored by the inverted softmax, every other one by the cosine.

    [1] Bogolin et al., Cross Modal Retrieval with Querybank Normalisation, CVPR 2022, section 3.3,
        https://arxiv.org/abs/2112.12777

    Attributes:
        beta: inverse temperature.
        k: places of the bank's queries that count; all where the gallery has fewer.
    """

    name = "qb-norm"
    k: int = Field(default=1, ge=1)

    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """Penalties and activation set."""
        penalties, active = self.penalties(gallery, banks.query), self.activated(gallery, banks.query)

        def score(query: Vectors) -> Similarities:
            raw = query @ gallery.T
            return np.where(active[raw.argmax(axis=1)][:, None], raw - penalties, raw)

        return score

    def activated(self, gallery: Vectors, bank: Vectors) -> Bool[np.ndarray, " item"]:
        """Items that are among the first k of any query of the bank."""
        active, k = np.zeros(len(gallery), bool), min(self.k, len(gallery))
        for block in blocks(bank, gallery):
            active[np.argpartition(block, -k, axis=1)[:, -k:]] = True
        return active

"""Stage `hub-profile`: query and item are alike if they are near to the same hub items. Floor: evaluate."""

import numpy as np
from pydantic import Field
from scipy.special import softmax

from binder.evaluate.corrections.penalty import Similarities, blocks
from binder.evaluate.corrections.stage import Banks, Scorer, ScoreStage, Vectors, register_stage
from binder.evaluate.corrections.thinning import thinned


@register_stage
class HubProfile(ScoreStage):
    """sum over b of sqrt(p(b|q) p(b|g)), p(b|x) = softmax over a bank of hub items of x.b / tau: 0 to 1.

    The Bhattacharyya coefficient of two profiles. If both senses are independent given what the hub sees, the sum of
    p(b|q) p(b|g) / p(b) is what a model trained on the pair would learn [1]; the square roots keep single items from
    ruling the sum. Helps weak towers, hurts good ones: let `choose_correction` decide.

    [1] Law of the Unconscious Contrastive Learner, ICLR 2025, https://arxiv.org/abs/2501.11326

    Attributes:
        tau: temperature of the profiles.
        bank: hub items at most; the profiles of a gallery are held in memory, 4 bytes an entry.
    """

    name = "hub-profile"
    tau: float = Field(default=0.1, gt=0)
    bank: int = Field(default=2048, ge=2)

    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """The profiles of the gallery."""
        hub = thinned(banks.hub, self.bank)
        known = np.concatenate([self._profiles(block) for block in blocks(gallery, hub)])
        return lambda query: self._profiles(query @ hub.T) @ known.T

    def _profiles(self, similarities: Similarities) -> Similarities:
        return np.sqrt(softmax(similarities / np.float32(self.tau), axis=1))

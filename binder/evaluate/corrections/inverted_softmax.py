"""Stage `inverted-softmax`: how probable is the query, given the item? Floor: evaluate."""

from pydantic import Field

from binder.evaluate.corrections.penalty import PenaltyStage, PerItem, Similarities, soft_mean
from binder.evaluate.corrections.stage import register_stage


@register_stage
class InvertedSoftmax(PenaltyStage):
    """exp(beta s(q, g)) / sum over queries q' of the bank exp(beta s(q', g)) [1], as its logarithm / beta.

    [1] Smith et al., Offline bilingual word vectors, orthogonal transformations and the inverted softmax, ICLR 2017,
        eq. 10, https://arxiv.org/abs/1702.03859

    Attributes:
        beta: inverse temperature.
    """

    name = "inverted-softmax"
    beta: float = Field(default=20.0, gt=0)

    def penalty(self, similarities: Similarities) -> PerItem:
        """The denominator, as a soft maximum over the bank."""
        return soft_mean(similarities, self.beta)

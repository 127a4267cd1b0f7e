"""Stage `nnn`: nearest neighbour normalisation. Floor: evaluate."""

from pydantic import Field

from binder.evaluate.corrections.penalty import PenaltyStage, PerItem, Similarities, top_mean
from binder.evaluate.corrections.stage import register_stage


@register_stage
class Nnn(PenaltyStage):
    """s(q, g) - alpha r(g), r the mean similarity to the k nearest queries of the bank [1].

    [1] Chowdhury et al., Nearest Neighbor Normalization Improves Multimodal Retrieval, 2024, eq. 1 and 2,
        https://arxiv.org/abs/2410.24114

    Attributes:
        alpha: share of r that is paid.
        k: neighbours; all where the bank has fewer.
    """

    name = "nnn"
    alpha: float = Field(default=0.75, gt=0)
    k: int = Field(default=128, ge=1)

    def penalty(self, similarities: Similarities) -> PerItem:
        """The share alpha of r(g)."""
        return self.alpha * top_mean(similarities, self.k)

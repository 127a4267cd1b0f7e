"""Stage `csls`: cross-domain similarity local scaling. Floor: evaluate."""

from pydantic import Field

from binder.evaluate.corrections.penalty import PenaltyStage, PerItem, Similarities, top_mean
from binder.evaluate.corrections.stage import Banks, Scorer, Vectors, register_stage


@register_stage
class Csls(PenaltyStage):
    """2 s(q, g) - r(q) - r(g), r the mean similarity to the k nearest vectors of the other side [1].

    As published both neighbourhoods are of the test set; here they are of training vectors. r(q) changes no ranking,
    but makes scores of different queries comparable.

    [1] Conneau et al., Word Translation Without Parallel Data, ICLR 2018, eq. 6, https://arxiv.org/abs/1710.04087

    Attributes:
        k: neighbours; all where the bank has fewer.
    """

    name = "csls"
    k: int = Field(default=10, ge=1)

    def penalty(self, similarities: Similarities) -> PerItem:
        """r(g)."""
        return top_mean(similarities, self.k)

    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """Neighbourhoods of the gallery once, of the queries with each block."""
        penalties = self.penalties(gallery, banks.query)

        def score(query: Vectors) -> Similarities:
            return 2 * (query @ gallery.T) - penalties - self.penalties(query, banks.gallery)[:, None]

        return score

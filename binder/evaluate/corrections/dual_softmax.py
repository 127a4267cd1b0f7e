"""Stage `dual-softmax`: is the item the query's, and the query the item's? Floor: evaluate."""

from binder.evaluate.corrections.inverted_softmax import InvertedSoftmax
from binder.evaluate.corrections.penalty import Similarities, soft_mean
from binder.evaluate.corrections.stage import Banks, Scorer, Vectors, register_stage


@register_stage
class DualSoftmax(InvertedSoftmax):
    """softmax over the gallery times softmax over the queries of beta s(q, g) [1], as its logarithm / beta.

    As published the queries are those of the test: that is this stage in a transductive correction. With a bank of
    training queries it is inverted softmax of half strength.

    [1] Cheng et al., Improving Video-Text Retrieval by Multi-Stream Corpus Alignment and Dual Softmax Loss, 2021,
        https://arxiv.org/abs/2109.04290

    Attributes:
        beta: inverse temperature.
    """

    name = "dual-softmax"

    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """The sum over queries once; the sum over the gallery with each block."""
        penalties = self.penalties(gallery, banks.query)

        def score(query: Vectors) -> Similarities:
            raw = query @ gallery.T
            return 2 * raw - penalties - soft_mean(raw, self.beta)[:, None]

        return score

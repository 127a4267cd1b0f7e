"""An untrained pair taken apart into its two legs through the hub. Called by `binder.evaluate.runner`.

For a -> c and a hub modality b: what does a -> b give, what does b -> c give, what do the two promise together
(`binder.metrics.composition`), and what came? A cell below its promise loses something that both legs carry, mostly
because each carries something else; one above it has a and c share what b does not show.
"""

from dataclasses import dataclass

from binder.evaluate.pair_scores import PairScores
from binder.evaluate.scoring import Estimate, Question
from binder.metrics import expected_hit, hub_spread, product_excess


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One step through the hub, as a cell of the same matrix.

    Attributes:
        query: who asks.
        gallery: who answers.
        hit: its hit@1.
        chance: of that hit@1.
        excess: of a match over a non-match, in cosine.
    """

    query: str
    gallery: str
    hit: float
    chance: float
    excess: float


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """A cell by way of one hub modality.

    Attributes:
        via: the hub modality.
        first: query -> via.
        second: via -> gallery.
        hub_spread: 1 - |mean of the via vectors|^2.
        hub_dimension: effective dimension of the via vectors.
        excess: measured, of the cell.
        product: the excess that the legs promise.
        hit: measured hit@1.
        promised_hit: hit@1 that the promised excess gives against normal scores of the cell's own spread. Where a
            query has several answers, between `low` (their scores rise and fall together, as one answer's) and `high`
            (they are independent), and `value` is the middle.
        chance: of hit@1.
        leg_ratio: (hit - chance) / (hit of the weaker leg - its chance); None where that leg is below twice chance,
            so that the ratio would say little.
    """

    via: str
    first: Leg
    second: Leg
    hub_spread: float
    hub_dimension: float
    excess: float
    product: float
    hit: float
    promised_hit: Estimate | None
    chance: float
    leg_ratio: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """What a decomposition needs of a cell: the question, its scores by kind, hit@1 and chance of it."""

    question: Question
    scores: PairScores
    hit: float
    chance: float

    def leg(self) -> Leg:
        return Leg(
            query=self.question.query.name,
            gallery=self.question.gallery.name,
            hit=self.hit,
            chance=self.chance,
            excess=self.scores.excess,
        )


def decompose(whole: Scored, first: Scored, second: Scored) -> Decomposition | None:
    """Take `whole` (a -> c) apart into `first` (a -> b) and `second` (b -> c).

    Returns:
        The parts, or None where the hub modality has a single direction, so that nothing can pass through it.
    """
    hub = first.question.gallery
    spread = hub_spread(hub.vectors)
    if spread < 1e-9:
        return None
    product = product_excess(first.scores.excess, second.scores.excess, spread)
    weaker = min((first, second), key=lambda leg: leg.hit - leg.chance)
    return Decomposition(
        via=hub.name,
        first=first.leg(),
        second=second.leg(),
        hub_spread=spread,
        hub_dimension=hub.effective_dimension,
        excess=whole.scores.excess,
        product=product,
        hit=whole.hit,
        promised_hit=_promise(product, whole),
        chance=whole.chance,
        leg_ratio=(whole.hit - whole.chance) / (weaker.hit - weaker.chance) if weaker.hit > 2 * weaker.chance else None,
    )


def _promise(product: float, whole: Scored) -> Estimate | None:
    """hit@1 from an excess; None in a space without spread."""
    scores = whole.scores
    if scores.spread <= 0:
        return None
    separation, num_relevant = product / scores.spread, max(1, round(scores.mean_relevant))
    num_others = len(whole.question.gallery) - num_relevant
    together = expected_hit(separation, num_others + 1)
    if num_relevant == 1:
        return Estimate(value=together)
    apart = expected_hit(separation, num_others + num_relevant, num_relevant=num_relevant)
    return Estimate(value=(together + apart) / 2, low=min(together, apart), high=max(together, apart))

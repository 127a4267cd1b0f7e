"""Weights of combined queries, chosen on hub pairs of validation rows. Used beside `combined`."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from binder.errors import MetricError
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.protocols.asking import Asked, ask
from binder.evaluate.relevance import RelevanceRule

_STEP = 0.1


@dataclass(frozen=True, kw_only=True)
class WeightChoice:
    """Weights and all that was tried, as (weights in the order of the parts, mAP).

    Attributes:
        weights: of the best mean average precision; of equals, the nearest to equal weights.
        gallery: the hub modality that they were judged on.
        num_queries: validation queries.
        tried: every set of weights with its mAP.
    """

    weights: dict[str, float]
    gallery: str
    num_queries: int
    tried: tuple[tuple[tuple[float, ...], float], ...]


def choose_weights(
    parts: Mapping[str, EncodedModality],
    gallery: EncodedModality,
    rows: Rows,
    test: Rows,
    *,
    rule: RelevanceRule,
    centre: bool = False,
) -> WeightChoice:
    """Try all weights in steps of 0.1 on validation rows, against a gallery of the hub.

    Pairs of towers are what is to be proved, so they choose nothing: the gallery must be native to the hub.

    Args:
        parts: of the validation rows.
        gallery: of the validation rows, native to the hub.
        rows: the validation rows.
        test: rows that will be judged; none of their ids and groups may be among `rows`.
        rule: as in `combine`.
        centre: as in `combine`.

    Raises:
        MetricError: a gallery that is not the hub's, rows of the test set, and as `combine`.
    """
    if not gallery.native:
        raise MetricError.explain(
            "weights are chosen on hub pairs", got=f"gallery {gallery.name}", expected="a modality that the hub embeds"
        )
    for what, own, others in (("ids", rows.ids, test.ids), ("groups", rows.groups, test.groups)):
        both = sorted(set(own) & set(others))
        if both:
            raise MetricError.explain(f"weights would be chosen on test {what}", got=both[:5], fix="split by group")
    asked = ask(parts, gallery, rows, rule, centre=centre, num_bootstrap=1, seed=0)
    tried = [(weights, _map(asked, dict(zip(parts, weights, strict=True)))) for weights in _simplex(len(parts))]
    best = max(tried, key=lambda one: (round(one[1], 9), -max(one[0])))
    return WeightChoice(
        weights=dict(zip(parts, best[0], strict=True)),
        gallery=gallery.name,
        num_queries=len(asked.question.kept),
        tried=tuple(tried),
    )


def _map(asked: Asked, weights: Mapping[str, float]) -> float:
    return float(asked.rank(weights).average_precision.mean())


def _simplex(size: int) -> list[tuple[float, ...]]:
    """All weights of `size` parts in steps that sum to 1."""
    steps = round(1 / _STEP)
    return [
        tuple(round(part * _STEP, 9) for part in parts)
        for parts in itertools.product(range(steps + 1), repeat=size)
        if sum(parts) == steps
    ]

"""Combined queries: a weighted sum of unit vectors of several modalities asks a gallery of another.

Called by `binder.run.protocols`. Embedding arithmetic as R. Girdhar et al., 2023, ImageBind, section 4.4
(arXiv:2305.05665) shows it, normalised after adding. A query that lacks a modality is the sum of those it has;
every part alone is compared with the sum on the queries that hold the part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from binder.errors import MetricError
from binder.evaluate.certificate import Certificate
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.protocols.asking import Asked, ask
from binder.evaluate.relevance import RelevanceRule
from binder.evaluate.scoring import Estimates, estimates
from binder.metrics import RankTable, chance_metrics, cluster_means, group_weights


@dataclass(frozen=True, kw_only=True)
class PartAlone:
    """One part beside the sum, on the queries that hold the part.

    Attributes:
        part: its modality.
        num_queries: that hold it.
        alone: what the part scores by itself.
        combined: what the sum scores on the same queries.
        gain: combined minus alone, query by query, in the same draws of groups.
    """

    part: str
    num_queries: int
    alone: Estimates
    combined: Estimates
    gain: Estimates


@dataclass(frozen=True, kw_only=True)
class Combined:
    """A combined query, evaluated.

    Attributes:
        query: the parts, joined by " + ".
        gallery: modality that answers.
        rule: name of the relevance rule.
        attributes: what gallery and at least one part see.
        weights: of every part, summing to 1.
        chosen_on: how the weights were chosen; "given" if by the user.
        centred: whether training means were taken off both sides.
        certificates: of every part with the gallery.
        num_queries: distinct queries with an answer.
        num_dropped: distinct queries without one.
        num_gallery: distinct gallery items.
        missing: part -> queries that lack it.
        metrics: of the sum, all queries.
        chance: what blind guessing scores.
        parts: each part alone.
    """

    query: str
    gallery: str
    rule: str
    attributes: tuple[str, ...]
    weights: dict[str, float]
    chosen_on: str
    centred: bool
    certificates: dict[str, Certificate]
    num_queries: int
    num_dropped: int
    num_gallery: int
    missing: dict[str, int]
    metrics: Estimates
    chance: dict[str, float]
    parts: tuple[PartAlone, ...]

    @property
    def status(self) -> str:
        """Of the weakest part: tainted before trained before hub-native before emergent."""
        order = ("tainted", "trained", "hub-native", "emergent")
        return min((one.status for one in self.certificates.values()), key=order.index)


def combine(
    parts: Mapping[str, EncodedModality],
    gallery: EncodedModality,
    rows: Rows,
    *,
    rule: RelevanceRule,
    certificates: Mapping[str, Certificate],
    weights: Mapping[str, float] | None = None,
    chosen_on: str = "given",
    centre: bool = False,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> Combined:
    """Rank a gallery by sums of what each table row holds of the parts.

    Args:
        parts: two or more modalities; a row asks if it holds one of them.
        gallery: another modality.
        rows: the evaluation table.
        rule: who answers whom: rows that agree on all that the gallery and at least one part see.
        certificates: of every part with the gallery.
        weights: not negative, one above 0 per part; equal ones by default. They are made to sum to 1.
        chosen_on: where the weights come from.
        centre: take the training means off first, and normalise.
        num_bootstrap: draws of groups for the intervals.
        seed: of the draws.

    Raises:
        MetricError: fewer than two parts, the gallery among them, weights of other parts, centring without a
            training mean, nothing seen in common, or no query with an answer.
    """
    weights = _normal(weights or dict.fromkeys(parts, 1.0), parts)
    asked = ask(parts, gallery, rows, rule, centre=centre, num_bootstrap=num_bootstrap, seed=seed)
    question, kept = asked.question, asked.question.kept
    table = asked.rank(weights)
    return Combined(
        query=" + ".join(parts),
        gallery=gallery.name,
        rule=rule.name,
        attributes=asked.attributes,
        weights=weights,
        chosen_on=chosen_on,
        centred=centre,
        certificates={name: certificates[name] for name in parts},
        num_queries=len(kept),
        num_dropped=len(question.query) - len(kept),
        num_gallery=len(question.gallery),
        missing={name: int((~holds[kept]).sum()) for name, holds in asked.holds.items()},
        metrics=question.estimates(table),
        chance=chance_metrics(len(question.gallery), table.num_relevant, table.ks, gain_share=table.gain_share),
        parts=tuple(_alone(asked, name, table) for name in parts),
    )


def _alone(asked: Asked, name: str, combined: RankTable) -> PartAlone:
    question = asked.question
    held = asked.holds[name][question.kept]
    if not held.any():
        return PartAlone(part=name, num_queries=0, alone={}, combined={}, gain={})
    tables = [question.rank(asked.parts[name], question.gallery.vectors)[0], combined]
    names = list(combined.columns())
    alone, both = (np.stack(list(table.columns().values()), axis=1)[held] for table in tables)
    found, index = np.unique(np.array(question.groups)[held], return_inverse=True)
    weights = group_weights(len(found), question.num_bootstrap, question.seed)

    def estimated(values: np.ndarray) -> Estimates:
        means = dict(zip(names, values.mean(axis=0).tolist(), strict=True))
        return estimates(means, cluster_means(values, index.astype(np.int64), weights), len(found))

    return PartAlone(
        part=name,
        num_queries=int(held.sum()),
        alone=estimated(alone),
        combined=estimated(both),
        gain=estimated(both - alone),
    )


def _normal(weights: Mapping[str, float], parts: Mapping[str, EncodedModality]) -> dict[str, float]:
    if set(weights) != set(parts) or not all(np.isfinite(w) and w >= 0 for w in weights.values()):
        raise MetricError.explain("unusable weights", got=dict(weights), expected=f"not negative, of {list(parts)}")
    total = sum(weights.values())
    if total <= 0:
        raise MetricError.explain("unusable weights", got=dict(weights), expected="one of them above 0")
    return {name: float(weights[name]) / total for name in parts}

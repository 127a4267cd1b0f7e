"""Queries of several modalities, row by row, and sums of their unit vectors. Used by `combined` and `weights` here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32

from binder.errors import MetricError
from binder.evaluate.corrections import centred
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.items import collapse
from binder.evaluate.relevance import RelevanceRule, relate
from binder.evaluate.scoring import Question
from binder.metrics import RankTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Parts side by side, one entry per distinct query.

    Attributes:
        question: whose query items are the combinations.
        attributes: what gallery and at least one part see.
        parts: part -> its vectors, zero where the query lacks it.
        holds: part -> which queries have it.
    """

    question: Question
    attributes: tuple[str, ...]
    parts: dict[str, Float32[np.ndarray, "query dim"]]
    holds: dict[str, Bool[np.ndarray, " query"]]

    def rank(self, weights: Mapping[str, float]) -> RankTable:
        """Rank the gallery by the weighted sums of what each query holds."""
        total = sum(np.float32(weights[name]) * own for name, own in self.parts.items())
        return self.question.rank(unit_or_zero(np.asarray(total)), self.question.gallery.vectors)[0]


def unit_or_zero(vectors: Float32[np.ndarray, "item dim"]) -> Float32[np.ndarray, "item dim"]:
    """Vectors of length one; those that cancel out to nothing stay nothing, and tie with every item."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-6)


def ask(
    parts: Mapping[str, EncodedModality], gallery: EncodedModality, rows: Rows, rule: RelevanceRule,
    *, centre: bool, num_bootstrap: int, seed: int,
) -> Asked:  # fmt: skip
    """Put the parts side by side; arguments and errors as in `combined.combine`."""
    _check_parts(parts, gallery)
    attributes = tuple(
        name for name in rule.sees.get(gallery.name, ()) if any(name in rule.sees.get(part, ()) for part in parts)
    )
    if not attributes:
        raise MetricError.explain(f"{' + '.join(parts)} and {gallery.name} share no attribute under rule {rule.name!r}")
    if centre:
        parts, gallery = {name: _centred(one) for name, one in parts.items()}, _centred(gallery)
    holds = {name: np.isin(np.arange(len(rows)), one.rows) for name, one in parts.items()}
    asking = np.flatnonzero(np.any(list(holds.values()), axis=0))
    spread = {name: _spread(one, len(rows))[asking] for name, one in parts.items()}
    contents = {name: dict(zip(one.rows.tolist(), one.content, strict=True)) for name, one in parts.items()}
    joined = EncodedModality(
        name=" + ".join(parts),
        vectors=_first_held(spread, holds, asking),  # who asks what; the sums come later, for any weights
        rows=asking,
        content=tuple(" + ".join(own.get(row, "-") for own in contents.values()) for row in asking.tolist()),
        native=all(one.native for one in parts.values()),
    )
    query, found = collapse(joined, rows), collapse(gallery, rows)
    place = np.searchsorted(asking, query.first_row)
    question = Question(
        query=query, gallery=found, relevance=relate(query, found, attributes, rows),
        num_bootstrap=num_bootstrap, seed=seed,
    )  # fmt: skip
    if len(question.kept) == 0:
        raise MetricError.explain(f"no query has an answer in {gallery.name}", got=f"{len(query)} queries")
    return Asked(
        question=question,
        attributes=attributes,
        parts={name: own[place] for name, own in spread.items()},
        holds={name: own[asking][place] for name, own in holds.items()},
    )


def _centred(encoded: EncodedModality) -> EncodedModality:
    if encoded.centre is None:
        raise MetricError.explain(f"no training mean of {encoded.name}", fix="combine without centring")
    return replace(encoded, vectors=centred(encoded.vectors, encoded.centre))


def _spread(encoded: EncodedModality, num_rows: int) -> np.ndarray:
    """Vectors by table row, zero where there is none."""
    spread = np.zeros((num_rows, encoded.vectors.shape[1]), np.float32)
    spread[encoded.rows] = encoded.vectors
    return spread


def _first_held(spread: Mapping[str, np.ndarray], holds: Mapping[str, np.ndarray], asking: np.ndarray) -> np.ndarray:
    """Vector of the first part that each asking row holds."""
    vectors = np.zeros_like(next(iter(spread.values())))
    for name in reversed(list(spread)):
        vectors = np.where(holds[name][asking][:, None], spread[name], vectors)
    return vectors


def _check_parts(parts: Mapping[str, EncodedModality], gallery: EncodedModality) -> None:
    if len(parts) < 2 or gallery.name in parts:
        raise MetricError.explain(
            "no combined query", got=f"{list(parts)} -> {gallery.name}", expected="two or more parts, another gallery"
        )
    dims = {one.name: one.vectors.shape[1] for one in (*parts.values(), gallery)}
    if len(set(dims.values())) > 1:
        raise MetricError.explain("modalities of different width", got=dims, expected="one space, one dim")

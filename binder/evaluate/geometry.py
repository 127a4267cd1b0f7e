"""Where modalities lie in the space, one by one and in pairs. Called by `binder.evaluate.runner`.

What the numbers mean is in `binder.metrics.geometry` and `binder.metrics.hubness`; here they are taken of the items of
an evaluation. Nothing of it enters a score.
"""

from dataclasses import dataclass

import numpy as np

from binder.evaluate.items import Items
from binder.evaluate.pair_scores import PairScores
from binder.evaluate.scoring import Question
from binder.metrics import (
    Hubness,
    alignment,
    centroid_distance,
    effective_dimension,
    effective_rank,
    hubness,
    rows_per_block,
    separability,
    uniformity,
)

_MOST = 5000  # vectors of a modality that its shape is judged on
_LISTED = 10  # list length of the k-occurrence, as in the literature
_BINS = 40


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the vectors of one modality are spread.

    Attributes:
        modality: its name.
        native: embedded by the hub itself.
        num_items: vectors looked at, at most 5,000.
        uniformity: -4 (fills the sphere) to 0 (one point); None for a single item.
        effective_rank: 1 to dim, from the entropy of the spectrum.
        effective_dimension: 1 to dim, the participation ratio: what noise of wrong matches feels.
    """

    modality: str
    native: bool
    num_items: int
    uniformity: float | None
    effective_rank: float
    effective_dimension: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Scores of a cell by kind, in common bins.

    Attributes:
        edges: of the bins, one more than there are bins.
        matching: share of the matching scores per bin.
        other: share of the other scores per bin.
    """

    edges: tuple[float, ...]
    matching: tuple[float, ...]
    other: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class PairGeometry:
    """How two modalities lie to each other, under one relevance rule.

    Attributes:
        gap: distance of the two centroids, 0 to 2.
        separability: AUC of telling the two modalities apart, 0.5 to 1; None for fewer than five items.
        alignment: mean squared distance of matching pairs, 0 to 4.
        excess: mean score of a match above the mean score of a non-match of the same query; None without non-matches.
        spread: of non-matching scores of one query, as a standard deviation; None without non-matches.
        hubness: of the gallery in the lists of these queries.
        histogram: of scores; None without non-matches.
    """

    gap: float
    separability: float | None
    alignment: float
    excess: float | None
    spread: float | None
    hubness: Hubness
    histogram: Histogram | None


def shape(items: Items, *, seed: int) -> Shape:
    """Spread of one modality, on up to 5,000 seeded items."""
    vectors = items.vectors[np.random.default_rng(seed).permutation(len(items))[:_MOST]]
    return Shape(
        modality=items.name,
        native=items.native,
        num_items=len(vectors),
        uniformity=uniformity(vectors),
        effective_rank=effective_rank(vectors),
        effective_dimension=effective_dimension(vectors),
    )


def pair_geometry(question: Question, scores: PairScores | None) -> PairGeometry:
    """Geometry of a cell; `scores` are those of its raw vectors."""
    query, gallery = question.query.vectors[question.kept], question.gallery.vectors
    step = rows_per_block(len(gallery))
    blocks = (query[i : i + step] @ gallery.T for i in range(0, len(query), step))
    return PairGeometry(
        gap=centroid_distance(query, gallery),
        separability=separability(query, gallery, seed=question.seed),
        alignment=2 - 2 * float(scores.matching.mean()) if scores else alignment(*_all_matching(question)),
        excess=scores.excess if scores else None,
        spread=scores.spread if scores else None,
        hubness=hubness(blocks, min(_LISTED, len(gallery))),
        histogram=_histogram(scores) if scores else None,
    )


def _all_matching(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Every pair, where all of them match."""
    query, gallery = question.query.vectors[question.kept], question.gallery.vectors
    return np.repeat(query, len(gallery), axis=0), np.tile(gallery, (len(query), 1))


def _histogram(scores: PairScores) -> Histogram:
    both = np.concatenate([scores.matching, scores.other])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), _BINS + 1)
    counts = [np.histogram(kind, edges)[0] for kind in (scores.matching, scores.other)]
    matching, other = (tuple((count / max(1, count.sum())).tolist()) for count in counts)
    return Histogram(edges=tuple(edges.tolist()), matching=matching, other=other)

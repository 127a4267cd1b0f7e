"""Scores of a cell by kind: those of matching pairs, and those of all others.

Used by `geometry`, `decomposition` and `calibration`, each of which asks how far the two kinds lie apart. A cell may
hold billions of pairs, so up to 2,000 seeded queries are looked at, against the whole gallery.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from binder.evaluate.scoring import Question
from binder.metrics import rows_per_block

MOST_QUERIES = 2000
_OTHERS = 50  # non-matching scores kept of every query


@dataclass(frozen=True, kw_only=True, eq=False)
class PairScores:
    """Cosines of one ordered pair of modalities under one relevance rule.

    Attributes:
        queries: the kept queries that were looked at.
        matching: of every pair that matches.
        other: of pairs that do not, up to 50 a query.
        excess: mean over queries of (mean matching score - mean other score of the same query).
        spread: of the other scores around their query's mean, as a standard deviation.
        mean_relevant: answers per query.
    """

    queries: Int64[np.ndarray, " query"]
    matching: Float64[np.ndarray, " match"]
    other: Float64[np.ndarray, " other"]
    excess: float
    spread: float
    mean_relevant: float

    @property
    def separation(self) -> float | None:
        """How many spreads a match lies above the rest; None in a space without spread."""
        return self.excess / self.spread if self.spread > 0 else None


def pair_scores(
    question: Question,
    query_vectors: Float32[np.ndarray, "query dim"],
    gallery_vectors: Float32[np.ndarray, "gallery dim"],
) -> PairScores | None:
    """Scores by kind of the given vectors, which need not be the question's own.

    Returns:
        The scores; None where every gallery item answers every query, so that there is no other kind.
    """
    rng = np.random.default_rng(question.seed)
    chosen = np.sort(rng.permutation(question.kept)[:MOST_QUERIES])
    parts = []
    step = rows_per_block(len(gallery_vectors))
    for start in range(0, len(chosen), step):
        part = chosen[start : start + step]
        scores = query_vectors[part].astype(np.float64) @ gallery_vectors.T
        parts.append(_split(part, scores, question.relevance.block(part), rng))
    found = [part for part in parts if len(part.queries)]
    if not found:
        return None
    sizes = np.array([len(part.queries) for part in found], dtype=np.float64)
    share = sizes / sizes.sum()
    return PairScores(
        queries=np.concatenate([part.queries for part in found]),
        matching=np.concatenate([part.matching for part in found]),
        other=np.concatenate([part.other for part in found]),
        excess=float(share @ [part.excess for part in found]),
        spread=float(np.sqrt(share @ [part.spread**2 for part in found])),
        mean_relevant=float(share @ [part.mean_relevant for part in found]),
    )


def _split(queries: np.ndarray, scores: np.ndarray, relevant: np.ndarray, rng: np.random.Generator) -> PairScores:
    """One block; queries that every item answers have no other score, and are left out."""
    mixed = ~relevant.all(axis=1)
    queries, scores, relevant = queries[mixed], scores[mixed], relevant[mixed]
    if not len(queries):
        empty = np.zeros(0)
        return PairScores(queries=queries, matching=empty, other=empty, excess=0.0, spread=0.0, mean_relevant=0.0)
    answers, others = relevant.sum(axis=1), (~relevant).sum(axis=1)
    above = (scores * relevant).sum(axis=1) / answers
    below = (scores * ~relevant).sum(axis=1) / others
    deviation = ((scores - below[:, None]) ** 2 * ~relevant).sum(axis=1) / others
    picked = rng.integers(scores.shape[1], size=(len(scores), _OTHERS))
    row = np.arange(len(scores))[:, None]
    return PairScores(
        queries=queries,
        matching=scores[relevant],
        other=scores[row, picked][~relevant[row, picked]],
        excess=float((above - below).mean()),
        spread=float(np.sqrt(deviation.mean())),
        mean_relevant=float(answers.mean()),
    )

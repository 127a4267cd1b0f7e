"""Queries to look at, with their first hits: some that worked, and those that failed worst. For the report's galleries.

Called by `binder.evaluate.runner` for every cell. Which queries: from those with an answer in first place, a seeded
draw; and those whose first answer stands last. So the good ones are not the best ones, and nothing bad is hidden.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from binder.evaluate.scoring import Question
from binder.metrics import RankTable

_EACH = 3  # good and bad examples of a cell
_HITS = 5


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A gallery item.

    Attributes:
        row: of the evaluation table, the first that shows the item.
        score: cosine with the query.
        relevant: whether it answers the query.
    """

    row: int
    score: float
    relevant: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query of a cell and the head of its list.

    Attributes:
        kind: `good` where an answer comes first, else `bad`.
        row: of the evaluation table, the first that shows the query.
        rank: of the first answer, from 1; halves come from ties.
        hits: most similar gallery items, up to five.
        answer: the best placed answer, where it is not among the hits.
    """

    kind: Literal["good", "bad"]
    row: int
    rank: float
    hits: tuple[Hit, ...]
    answer: Hit | None


def choose_examples(question: Question, table: RankTable) -> tuple[Example, ...]:
    """Up to three good and three bad queries of a cell; bad ones from the worst up."""
    rng = np.random.default_rng(question.seed)
    first = np.flatnonzero(table.best_rank == 1)
    good = np.sort(rng.permutation(first)[:_EACH])
    others = np.flatnonzero(table.best_rank > 1)
    bad = others[np.argsort(-table.best_rank[others], kind="stable")[:_EACH]]
    return tuple(_example(question, int(i), float(table.best_rank[i])) for i in (*good, *bad))


def _example(question: Question, kept: int, rank: float) -> Example:
    query, gallery = question.query, question.gallery
    item = question.kept[kept]
    scores = gallery.vectors @ query.vectors[item]
    relevant = question.relevance.block(question.kept[kept : kept + 1])[0]
    order = np.argsort(-scores, kind="stable")

    def hit(place: int) -> Hit:
        row = int(gallery.first_row[place])
        return Hit(row=row, score=float(scores[place]), relevant=bool(relevant[place]))

    shown = order[:_HITS]
    missing = (
        next((int(place) for place in order[_HITS:] if relevant[place]), None) if not relevant[shown].any() else None
    )
    return Example(
        kind="good" if rank == 1 else "bad",
        row=int(query.first_row[item]),
        rank=rank,
        hits=tuple(hit(int(place)) for place in shown),
        answer=None if missing is None else hit(missing),
    )

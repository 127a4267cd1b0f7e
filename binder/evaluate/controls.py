"""What a pair scores when the thing to be proved is taken away. Used by `binder.evaluate.cell`.

- `shuffled`: the gallery's vectors change owners. Must score chance; if it does not, the test leaks.
- `untrained`: towers as they were before training. What architecture and samples give by themselves.
- `two-hop via M`: the query's nearest hub vector of modality M, then that vector's nearest gallery
  items. What a pipeline through the hub gives, where the direct route claims more than that.
  The bank is M's items of the evaluation table itself, its size is stated.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from binder.evaluate.items import Items
from binder.evaluate.scoring import Estimates, Question, estimates
from binder.metrics import RankTable, similarity_blocks

_SHUFFLES = (5, 40)  # fewest and most
_SHUFFLED_ITEMS = 1000  # a gallery of 27 has few ways to miss its own class: more shuffles steady the control


@dataclass(frozen=True, kw_only=True)
class Control:
    """Metrics of a control and how it was made."""

    metrics: Estimates
    note: str


def draw_shuffles(num_gallery: int, seed: int) -> list[Int64[np.ndarray, " gallery"]]:
    """Seeded permutations of a gallery, more of them where it is small."""
    fewest, most = _SHUFFLES
    rng = np.random.default_rng(seed)
    return [
        rng.permutation(num_gallery) for _ in range(min(most, max(fewest, math.ceil(_SHUFFLED_ITEMS / num_gallery))))
    ]


def shuffled(question: Question, tables: list[RankTable]) -> Control:
    """Mean over shuffles; the interval resamples shuffles as well as groups."""
    each = [table.means() for table in tables]
    means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    draws = np.stack([question.draws(table) for table in tables])
    rng = np.random.default_rng(question.seed)
    picks = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=draws.shape[1]) / len(tables)
    joint = np.einsum("ds,sdm->dm", picks, draws)
    return Control(metrics=estimates(means, joint, question.num_groups), note=f"mean of {len(tables)} shuffles")


def untrained(question: Question) -> Control | str:
    """The same cell through untrained towers, or why there is none."""
    missing = [side.name for side in (question.query, question.gallery) if not side.native and side.untrained is None]
    if missing:
        return f"no untrained vectors of {' and '.join(missing)}"
    query, gallery = (
        side.vectors if side.untrained is None else side.untrained for side in (question.query, question.gallery)
    )
    towers = [side.name for side in (question.query, question.gallery) if not side.native]
    return Control(
        metrics=question.estimates(question.rank(query, gallery)[0]), note=f"{' and '.join(towers)} before training"
    )


def two_hop(question: Question, bank: Items) -> Control:
    """The same cell by way of the nearest hub vector in `bank`."""
    relay = bank.vectors[nearest(question.query.vectors, bank.vectors)]
    table = question.rank(relay, question.gallery.vectors)[0]
    return Control(
        metrics=question.estimates(table), note=f"nearest of {len(bank)} {bank.name} items of the evaluation table"
    )


def nearest(
    query_vectors: Float32[np.ndarray, "query dim"], bank: Float32[np.ndarray, "bank dim"]
) -> Int64[np.ndarray, " query"]:
    """The most similar bank item of every query, the first of several equal ones."""
    return np.concatenate([block.argmax(axis=1) for block in similarity_blocks(query_vectors, bank)])

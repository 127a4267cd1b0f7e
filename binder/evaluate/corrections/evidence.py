"""What hub pairs can tell of an emergent pair, without one of its pairs. Floor: evaluate.

A hub pair cannot judge a correction for emergent pairs: training has already bent the tower so that its own offset
does no harm there, and only in an emergent pair two offsets meet. So a question is made that looks like the emergent
one. The rows are cut in two by their groups. Senses of one half ask, senses of the other half answer: no row, and so
no emergent pair, is on both sides. Which answer is right is left to the hub, which has seen the partners of both: the
gallery items whose hub partner is nearest to the query's hub partner, all of them where many share one (a caption).

What the hub does not see does not count here, as it cannot count in what is shared either. Where hub partners repeat
(captions of classes) this comes close to the emergent score; where each is another picture it is a weak witness.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import csr_array

from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.evaluate.scoring import Question
from binder.metrics import Relevance

_TIE = 1e-6  # rounding of a float32 dot product


def relayed_question(
    query: Items,
    gallery: Items,
    hub: Items,
    rows: Rows,
    *,
    num_bootstrap: int,
    seed: int,
) -> Question | None:
    """A question whose answers are those of the hub; None where a side has no items with a hub partner.

    Args:
        query: items of validation rows; those of one half of the groups ask.
        gallery: items of the same rows; those of the other half answer.
        hub: a modality of the hub on the same rows.
        rows: the validation table.
        num_bootstrap: draws of groups.
        seed: of the draws.
    """
    halves = _halves(rows)
    asking, answering = _seen(query, hub, halves == 0), _seen(gallery, hub, halves == 1)
    if not len(asking) or not len(answering):
        return None
    similarity = _partners(asking, hub) @ _partners(answering, hub).T
    return Question(
        query=asking,
        gallery=answering,
        relevance=Relevance.of(csr_array(similarity >= similarity.max(axis=1, keepdims=True) - _TIE)),
        num_bootstrap=num_bootstrap,
        seed=seed,
    )


def _halves(rows: Rows) -> Int64[np.ndarray, " row"]:
    """0 or 1 for every row; groups stay whole."""
    return np.unique(np.array(rows.groups), return_inverse=True)[1] % 2


def _seen(items: Items, hub: Items, chosen: Bool[np.ndarray, " row"]) -> Items:
    """The items whose rows are all chosen, and whose first row has a hub partner."""
    outside = np.unique(items.item_of_row[~chosen[items.rows]])
    keep = np.isin(items.first_row, hub.rows)
    keep[outside] = False
    number = np.cumsum(keep) - 1
    kept_rows = keep[items.item_of_row]
    return replace(
        items,
        vectors=items.vectors[keep],
        untrained=None,
        content=tuple(np.array(items.content)[keep].tolist()),
        rows=items.rows[kept_rows],
        item_of_row=number[items.item_of_row[kept_rows]],
        first_row=items.first_row[keep],
        groups=tuple(np.array(items.groups)[keep].tolist()),
    )


def _partners(items: Items, hub: Items) -> Float32[np.ndarray, "item dim"]:
    """The hub's vector in the first row of each item."""
    item_of = np.zeros(max(hub.rows.max(), items.first_row.max()) + 1, np.int64)
    item_of[hub.rows] = hub.item_of_row
    return hub.vectors[item_of[items.first_row]]

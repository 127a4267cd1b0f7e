"""A control: what a cell scores if only the class of each query is known. Used by `binder.evaluate.cell`.

Every query is replaced by the centre of the *other* queries of its class. A tower that has learned nothing but the
class loses nothing by it; whatever the raw score has above this control is knowledge of the instance.
"""

import numpy as np
from jaxtyping import Float32

from binder.evaluate.controls import Control
from binder.evaluate.inputs import Rows
from binder.evaluate.relevance import attribute_codes
from binder.evaluate.scoring import Question

LABEL = "label"


def label_only(question: Question, rows: Rows) -> Control | None:
    """The cell with class centres for queries; None where the table has no labels, or no two queries share one."""
    if LABEL not in rows.attributes:
        return None
    codes = attribute_codes(rows, (LABEL,))[question.query.first_row]
    sizes = np.bincount(codes[codes >= 0])
    alone = int((sizes == 1).sum() + (codes < 0).sum())
    if not len(sizes) or sizes.max() < 2:
        return None
    centres = class_centres(question.query.vectors, codes)
    table = question.rank(centres, question.gallery.vectors)[0]
    few = f"; {alone} queries without another of their class take the centre of all" if alone else ""
    return Control(metrics=question.estimates(table), note=f"centre of the other queries of its class{few}")


def class_centres(vectors: Float32[np.ndarray, "query dim"], codes: np.ndarray) -> Float32[np.ndarray, "query dim"]:
    """Unit mean of the other vectors of each one's class; of all others where the class has no other.

    Args:
        vectors: unit vectors.
        codes: class of each, negative where it is unknown.
    """
    own = vectors.astype(np.float64)
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    alone = (codes < 0) | (sizes[codes] < 2)
    place = np.where(alone, len(sizes), codes)
    sums = np.zeros((len(sizes) + 1, vectors.shape[1]))
    np.add.at(sums, place, own)
    sums[-1] = own.sum(axis=0)
    centre = sums[place] - own
    norm = np.linalg.norm(centre, axis=1, keepdims=True)
    return (centre / np.where(norm > 0, norm, 1)).astype(np.float32)

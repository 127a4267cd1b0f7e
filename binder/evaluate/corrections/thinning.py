"""Fewer vectors of many, the same every time. Floor: evaluate; for banks."""

import numpy as np

from binder.evaluate.corrections.stage import Vectors


def thinned(vectors: Vectors, most: int) -> Vectors:
    """At most that many, at even distances, so that every part of the table is among them."""
    if len(vectors) <= most:
        return vectors
    return vectors[np.linspace(0, len(vectors) - 1, most).round().astype(np.int64)]

"""Shows distances in reports: near is bright, holes are left out."""

import numpy as np

from binder.display import Film, Scale


def show_depth(sample: np.ndarray) -> Film:
    """The maps in metres, whose pace no file says; NaN where nothing was measured."""
    return Film(frames=np.where(sample > 0, sample, np.nan), scale=Scale(unit="m", reversed=True))

"""Shows texts in reports and makes synthetic ones for checks."""

import numpy as np

from binder.display import Words

SIZES = ("small", "large", "flat", "heavy")
COLOURS = ("red", "grün", "青い", "grey")  # beyond ASCII, so that checks meet multi-byte letters
THINGS = ("mug", "bicycle", "lamp", "door")


def show_text(sample: str) -> Words:
    """The text itself."""
    return Words(text=sample)


def synthesise_text(seed: int) -> str:
    """A caption whose length varies with the seed."""
    chance = np.random.default_rng(seed)
    words = [str(chance.choice(options)) for options in (SIZES, COLOURS, THINGS)]
    return f"a {' '.join(words)}" + ", far away" * int(chance.integers(0, 4)) + f" ({seed})"

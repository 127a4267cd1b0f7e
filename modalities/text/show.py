"""Shows texts in reports and makes synthetic ones for checks."""

import textwrap

import numpy as np

LONGEST = 200  # characters in a report
SIZES = ("small", "large", "flat", "heavy")
COLOURS = ("red", "grün", "青い", "grey")  # beyond ASCII, so that checks meet multi-byte letters
THINGS = ("mug", "bicycle", "lamp", "door")


def shorten(text: str) -> str:
    """Cut at a word boundary, with an ellipsis where something was left out."""
    return textwrap.shorten(text, LONGEST, placeholder=" …")


def synthesise_text(seed: int) -> str:
    """A caption whose length varies with the seed."""
    chance = np.random.default_rng(seed)
    words = [str(chance.choice(options)) for options in (SIZES, COLOURS, THINGS)]
    return f"a {' '.join(words)}" + ", far away" * int(chance.integers(0, 4)) + f" ({seed})"

"""The embedded default: a seeded world of multi-sensor scenes, and the small hub trained on it.

Used by `binder demo`, by tests, and by whoever wants a pair table of six sensors without a download.
The README here lists what each sensor can see. Importing this package loads neither torch nor a model.
"""

from pathlib import Path

from binder.playground.captions import write_caption
from binder.playground.image import render_image
from binder.playground.latents import VISIBLE, Scene, draw_scenes
from binder.playground.table import make_playground

__all__ = [
    "VISIBLE",
    "Scene",
    "draw_scenes",
    "hub_folder",
    "make_playground",
    "recipe_file",
    "render_image",
    "write_caption",
]


def hub_folder() -> Path:
    """The directory of the playground's hub, for `open_clip:DIRECTORY`."""
    return Path(__file__).parent / "hub"


def recipe_file() -> Path:
    """The run that `binder demo` carries out on a playground; the demo fills in paths, seed and relevance."""
    return Path(__file__).parent / "recipe.yaml"

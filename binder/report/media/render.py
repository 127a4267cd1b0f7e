"""One renderer per kind of display. Floor: report; called by galleries, `write_page` and the web page."""

from collections.abc import Callable
from typing import Any

from binder.display import KINDS, Film, Motion, Picture, Points, Sound, Traces, Words
from binder.errors import DisplayError
from binder.report.media.bodies import draw_motion, draw_points
from binder.report.media.curves import draw_traces
from binder.report.media.html import to_html
from binder.report.media.pictures import draw_film, draw_picture
from binder.report.media.sounds import draw_sound
from binder.report.media.words import draw_words

LARGEST_FRAGMENT = 14_900  # bytes of UTF-8: two hundred and the style fit 3 MB; the renderers' own limits keep it

_RENDERERS: dict[type, Callable[[Any, str], Any]] = {
    Picture: draw_picture,
    Film: draw_film,
    Sound: draw_sound,
    Traces: draw_traces,
    Motion: draw_motion,
    Points: draw_points,
    Words: draw_words,
}


def render(display: Any, *, name: str) -> str:  # Any: what a stranger's `show` gave may be none
    """Draw one display as an HTML `<figure>` of at most `LARGEST_FRAGMENT` bytes, to be styled by `media_style()`.

    Args:
        display: one of the kinds of `binder.display`, as a modality's `show` returns them.
        name: what the sample is called, for screen readers: "depth of scene-12"; cut to 120 characters.

    Raises:
        DisplayError: `display` is of no kind of `binder.display`.
    """
    draw = _RENDERERS.get(type(display))
    if draw is None:
        raise DisplayError.explain(
            "cannot be drawn", got=type(display).__name__, choices=(kind.__name__ for kind in KINDS)
        )
    return to_html(draw(display, name[:120]))

"""Draws pictures, and films as strips of frames that play while they are pointed at. Floor: report."""

from io import BytesIO
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from PIL import Image

from binder.display import Film, Picture, Scale
from binder.report.media.colours import Extent, bar, colour, in_words
from binder.report.media.html import data_uri, figure, node

SIDE, FRAME_SIDE = 192, 128  # pixels, longest side of a picture and of a frame
FRAMES = 8  # of a strip
LARGEST = 10_000  # bytes of an encoded picture or strip
SHORTEST_SECONDS, LONGEST_SECONDS, UNKNOWN_PACE_HZ = 1.0, 4.0, 4.0  # of a film as it plays


class Painted(NamedTuple):
    """Frames as Pillow images, with what to say of their colours to eyes and ears."""

    frames: list[Image.Image]
    caption: list[Element | str]
    words: str


def draw_picture(picture: Picture, name: str) -> Element:
    """One picture, numbers with their colour bar."""
    height, width = picture.pixels.shape[:2]
    painted = _paint(picture.pixels[None], picture.scale, side=SIDE)
    return figure(
        "picture",
        still(painted.frames[0], side=SIDE, words=f"{name}: picture, {width} x {height} pixels{painted.words}"),
        caption=painted.caption,
    )


def draw_film(film: Film, name: str) -> Element:
    """A strip of at most eight frames, spread over the film; a single frame is a picture."""
    count = len(film.frames)
    if count == 1:
        return draw_picture(Picture(pixels=film.frames[0], scale=film.scale), name)
    chosen = spread(count, FRAMES)
    painted = _paint(film.frames, film.scale, side=FRAME_SIDE, chosen=chosen)
    told = pace(count, len(chosen), film.rate_hz, "frames")
    return figure(
        "film",
        strip(
            painted.frames, words=f"{name}: film, {told}{painted.words}", seconds=playing_seconds(count, film.rate_hz)
        ),
        caption=[*painted.caption, node("span", told)],
    )


def strip(frames: list[Image.Image], *, words: str, seconds: float) -> Element:
    """Pictures of one size side by side, of which one is seen at a time."""
    width, height = frames[0].size
    joined = Image.new(frames[0].mode, (width * len(frames), height))
    for place, frame in enumerate(frames):
        joined.paste(frame, (place * width, 0))
    picture = node("img", src=data_uri("image/webp", webp(joined)), alt="")
    return window(picture, frames=len(frames), size=(width, height), words=words, seconds=seconds)


def window(content: Element, *, frames: int, size: tuple[int, int], words: str, seconds: float) -> Element:
    """What shows `content`, frames side by side, one at a time; `media_style` moves it."""
    width = round(size[0] * FRAME_SIDE / max(size))
    style = f"--frames:{frames};--seconds:{seconds:.3g}s;aspect-ratio:{size[0]}/{size[1]};width:{width}px"
    return node("div", content, class_="strip", role="img", tabindex=0, aria_label=words, style=style)


def still(image: Image.Image, *, side: int, words: str) -> Element:
    """A picture no longer than `side`; a smaller one is shown larger, pixel by pixel."""
    scale = side / max(image.size)
    width, height = (max(1, round(length * max(scale, 1.0))) for length in image.size)
    look = {"class_": "pixels"} if scale > 1 else {}
    return node("img", src=data_uri("image/webp", webp(image)), alt=words, width=width, height=height, **look)


def webp(image: Image.Image, *, largest: int = LARGEST) -> bytes:
    """The picture in at most `largest` bytes: coarser, then smaller, until it fits."""
    for quality in (70, 45, 20):
        stream = BytesIO()
        image.save(stream, format="WEBP", quality=quality, method=4)
        if stream.tell() <= largest:
            return stream.getvalue()
    smaller = image.resize((max(1, image.width * 2 // 3), max(1, image.height * 2 // 3)))
    return webp(smaller, largest=largest)


def spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread from the first to the last."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()


def pace(count: int, chosen: int, rate_hz: float | None, what: str) -> str:
    """How many there are, how many are shown, and how long they last."""
    shown = f"{count:,} {what}" if chosen == count else f"{chosen} of {count:,} {what}"
    return f"{shown}, pace not known" if rate_hz is None else f"{shown}, {count / rate_hz:,.3g} s"


def playing_seconds(count: int, rate_hz: float | None) -> float:
    """How long a strip takes: as long as it lasts, but for the very short and the long."""
    return float(np.clip(count / (rate_hz or UNKNOWN_PACE_HZ), SHORTEST_SECONDS, LONGEST_SECONDS))


def _paint(values: np.ndarray, scale: Scale | None, *, side: int, chosen: list[int] | None = None) -> Painted:
    """The chosen frames in colours, no longer than `side`; one range for all frames."""
    step = max(1, max(values.shape[1:3]) // (4 * side))  # a picture of a gigapixel is not coloured in full
    frames = (values if chosen is None else values[chosen])[:, ::step, ::step]
    if scale is None:
        return Painted([_shrunk(frame, side) for frame in frames], [], "")
    extent = Extent.of(values)
    coloured = colour(frames.astype(float), extent, colours=scale.colours, reverse=scale.reversed)
    return Painted([_shrunk(frame, side) for frame in coloured], bar(scale, extent), f", {in_words(scale, extent)}")


def _shrunk(pixels: np.ndarray, side: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side))
    return image

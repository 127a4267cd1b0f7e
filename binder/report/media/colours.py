"""Turns numbers into colours that are even to the eye, and says in a bar what they mean. Floor: report.

[1] S. van der Walt, N. Smith, 2015, matplotlib's colour maps viridis, inferno and magma (CC0), at 17 even places;
    linear between them they are within 7 of 255 levels. https://bids.github.io/colormap/
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float, UInt8

from binder.display import Scale
from binder.report.media.html import node, range_text

STOPS = {
    "viridis": "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c"
    " 1f9f88 27ad81 3dbc74 5cc863 81d34d aadc32 d5e21a fde725",
    "inferno": "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754"
    " d04545 e35933 f1711f f98c0a fcaa0f f9c932 f2e865 fcffa4",
    "magma": "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779"
    " cf4070 e55064 f4695c fb8761 fea571 fec287 fde0a1 fcfdbf",
    "grey": "000000 ffffff",
}


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What a picture of numbers spans.

    Attributes:
        low: smallest number; NaN where there is none.
        high: largest number.
        missing: share of the numbers that were not measured.
    """

    low: float
    high: float
    missing: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Extent":
        """Of all values that are finite."""
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)
        return cls(low=low, high=high, missing=1 - known.size / values.size)


def colour(
    values: Float[np.ndarray, "*shape"], extent: Extent, *, colours: str, reverse: bool = False
) -> UInt8[np.ndarray, "*shape 4"]:
    """Red, green, blue and opacity; what is not finite is transparent, one value alone has the middle colour."""
    known = np.isfinite(values)
    span = extent.high - extent.low
    place = (np.where(known, values, extent.low) - extent.low) / span if span > 0 else np.full(values.shape, 0.5)
    stops = np.array([list(bytes.fromhex(stop)) for stop in STOPS[colours].split()], float)
    at = np.linspace(0, 1, len(stops))
    levels = [np.interp(1 - place if reverse else place, at, stops[:, channel]) for channel in range(3)]
    return np.stack([*levels, 255 * known], axis=-1).round().astype(np.uint8)


def bar(scale: Scale, extent: Extent) -> list[Element | str]:
    """The colours from low to high with numbers and unit; in words where there is no range; and what is missing."""
    return [*_range(scale, extent), *_missing(extent)]


def gradients() -> str:
    """CSS of the bars' colours, class `ramp-NAME`."""
    stops = {name: ",".join(f"#{stop}" for stop in text.split()) for name, text in STOPS.items()}
    return "".join(f".ramp-{name}{{background:linear-gradient(to right,{text})}}\n" for name, text in stops.items())


def in_words(scale: Scale, extent: Extent) -> str:
    """The same for a screen reader."""
    if np.isnan(extent.low):
        return "nothing measured"
    low, high = range_text(extent.low, extent.high, scale.unit)
    return f"{low} to {high}" if extent.low < extent.high else f"{high} everywhere"


def _range(scale: Scale, extent: Extent) -> list[Element | str]:
    if not extent.low < extent.high:
        return [f"{in_words(scale, extent)}{'' if np.isnan(extent.low) else ': no range'}"]
    low, high = range_text(extent.low, extent.high, scale.unit)
    flipped = " ramp-reversed" if scale.reversed else ""
    ramp = node("span", class_=f"ramp ramp-{scale.colours}{flipped}")
    return [node("span", low, ramp, high, class_="bar")]


def _missing(extent: Extent) -> list[Element | str]:
    if not extent.missing or np.isnan(extent.low):
        return []
    return [node("span", f"{_share(extent.missing)} not measured", class_="hole")]


def _share(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")

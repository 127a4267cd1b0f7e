"""How a sample is shown: a few plain kinds of display, made by modalities, drawn by reports. Floor: foundations.

A modality knows no HTML and a renderer knows no modality; what passes between them is one of these records. All
check their shapes when they are made. A value that was not measured is NaN.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from binder.errors import DisplayError
from binder.types import InputContract, Sample

Colours = Literal["viridis", "inferno", "magma", "grey"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How the numbers of a picture become colours, and what its colour bar says.

    Attributes:
        unit: of the numbers, as the bar shall say it.
        colours: a map that is even to the eye, dark to bright.
        reversed: small numbers are bright: near things, say.
    """

    unit: str
    colours: Colours = "viridis"
    reversed: bool = False

    def __post_init__(self) -> None:
        _require(self.colours in get_args(Colours), "unknown colours", self.colours, ", ".join(get_args(Colours)))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture.

    Attributes:
        pixels: with a scale numbers (height, width); else sRGB levels, uint8 (height, width, 3).
        scale: of a picture of numbers.
    """

    pixels: np.ndarray
    scale: Scale | None = None

    def __post_init__(self) -> None:
        _check_pixels(self.pixels, self.scale, "height width")


@dataclass(frozen=True, kw_only=True)
class Film:
    """Pictures one after the other.

    Attributes:
        frames: with a scale numbers (frame, height, width); else sRGB levels, uint8 (frame, height, width, 3).
        rate_hz: frames per second; None where the pace is not known.
        scale: of frames of numbers; one for all.
    """

    frames: np.ndarray
    rate_hz: float | None = None
    scale: Scale | None = None

    def __post_init__(self) -> None:
        _check_pixels(self.frames, self.scale, "frame height width")


@dataclass(frozen=True, kw_only=True)
class Sound:
    """One channel of sound.

    Attributes:
        waveform: amplitudes (time,), full scale at -1 and 1.
        rate_hz: amplitudes per second.
    """

    waveform: np.ndarray
    rate_hz: float

    def __post_init__(self) -> None:
        _check_numbers(self.waveform, "time")


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Curves over one axis.

    Attributes:
        values: (step, channel).
        channels: names of the curves.
        units: of each curve; neighbours of one unit are drawn on one scale.
        rate_hz: steps per second; None where the axis is no time.
        axis: name of the axis.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float | None = None
    axis: str = "time"

    def __post_init__(self) -> None:
        _check_numbers(self.values, "step channel")
        got = f"{len(self.channels)} names and {len(self.units)} units for {self.values.shape[1]} curves"
        _require(len(self.channels) == len(self.units) == self.values.shape[1], "curves without names", got, "as many")


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Joints of a body over time.

    Attributes:
        joints: (frame, joint, 3) as x, y, z; NaN where a joint was not seen.
        bones: pairs of joints to draw a line between.
        rate_hz: frames per second; None where the pace is not known.
        up: which axis points up: 0, 1 or 2.
    """

    joints: np.ndarray
    bones: tuple[tuple[int, int], ...] = ()
    rate_hz: float | None = None
    up: int = 1

    def __post_init__(self) -> None:
        _check_numbers(self.joints, "frame joint 3")
        known = range(self.joints.shape[1])
        _require(all({*bone} <= {*known} for bone in self.bones), "a bone without joints", self.bones, f"in {known}")


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points in space.

    Attributes:
        places: (point, 3) as x, y, z.
        unit: of the places.
        colours: (point, 3) from 0 to 1, red, green, blue; None where points have none.
        up: which axis points up: 0, 1 or 2.
    """

    places: np.ndarray
    unit: str
    colours: np.ndarray | None = None
    up: int = 1

    def __post_init__(self) -> None:
        _check_numbers(self.places, "point 3")
        if self.colours is not None:
            _check_numbers(self.colours, "point 3")
            _require(len(self.colours) == len(self.places), "colours", len(self.colours), f"{len(self.places)} colours")


@dataclass(frozen=True, kw_only=True)
class Words:
    """A text, of any length."""

    text: str

    def __post_init__(self) -> None:
        _require(isinstance(self.text, str), "not a text", type(self.text).__name__, "str")


Display = Picture | Film | Sound | Traces | Motion | Points | Words
KINDS: tuple[type, ...] = get_args(Display)


def display_by_contract(sample: Sample, contract: InputContract) -> Display:
    """Show a sample by what its contract says of it: layout, unit, channels, rate.

    A layout for which no kind of display is known is told in words: its sizes and its range.
    """
    if isinstance(sample, str):
        return Words(text=sample)
    axes, scale = contract.layout.split(), Scale(unit=contract.unit)
    rgb = contract.channels == ("red", "green", "blue") and sample.dtype == np.uint8
    match axes:
        case ["height", "width", "channel"] if rgb:
            return Picture(pixels=sample)
        case ["time" | "frame", "height", "width", "channel"] if rgb:
            return Film(frames=sample, rate_hz=contract.rate_hz)
        case ["time" | "frame", "height", "width"]:
            return Film(frames=sample, rate_hz=contract.rate_hz, scale=scale)
        case ["time", "channel"] if contract.unit == "amplitude" and contract.rate_hz and sample.shape[1] == 1:
            return Sound(waveform=sample[:, 0], rate_hz=contract.rate_hz)
        case ["frame", "joint", "axis"] if sample.shape[2] == 3:
            return Motion(joints=sample, rate_hz=contract.rate_hz)
        case ["point", "channel"] if contract.channels[:3] == ("x", "y", "z"):
            return Points(places=sample[:, :3], unit=contract.unit)
        case [axis, "channel"]:
            return _curves(sample, axis, contract)
        case [axis]:
            return _curves(sample[:, None], axis, contract)
        case [_, _]:
            return Picture(pixels=sample, scale=scale)
    return Words(text=_in_numbers(sample, axes, contract.unit))


def _curves(values: np.ndarray, axis: str, contract: InputContract) -> Traces:
    names = contract.channels or tuple(f"channel {number}" for number in range(values.shape[1]))
    units = (contract.unit,) * values.shape[1]
    return Traces(values=values, channels=names, units=units, rate_hz=contract.rate_hz, axis=axis)


def _in_numbers(sample: np.ndarray, axes: list[str], unit: str) -> str:
    sizes = ", ".join(f"{size} {axis}" for size, axis in zip(sample.shape, axes, strict=True))
    return f"{sizes}: {np.nanmin(sample):.3g} to {np.nanmax(sample):.3g} {unit}"


def _check_pixels(pixels: np.ndarray, scale: Scale | None, axes: str) -> None:
    if scale is not None:
        return _check_numbers(pixels, axes)
    _check_numbers(pixels, f"{axes} 3")
    return _require(pixels.dtype == np.uint8, "levels of red, green and blue", pixels.dtype, "uint8, or a scale")


def _check_numbers(values: np.ndarray, axes: str) -> None:
    names = axes.split()
    fits = (
        isinstance(values, np.ndarray) and values.ndim == len(names) and values.size > 0 and values.dtype.kind in "iuf"
    )
    fits = fits and all(size == int(name) for size, name in zip(values.shape, names, strict=True) if name.isdigit())
    got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
    _require(fits, "cannot be shown", got, f"numbers ({', '.join(names)}), at least one")


def _require(holds: bool, what: str, got: Any, expected: str) -> None:
    if not holds:
        raise DisplayError.explain(what, got=got, expected=expected, fix="mend what the modality's `show` returns")

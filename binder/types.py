"""The words that rooms pass to each other. Floor: foundations; imports nothing of binder but errors.

A *source* is what a pair table's cell or a user hands in; a *sample* is what a modality read
from it, in the unit and layout its `InputContract` declares; a *batch* is what an encoder takes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from binder.errors import SampleError

if TYPE_CHECKING:
    import torch

    Batch = torch.Tensor | dict[str, torch.Tensor]
else:
    Batch = Any  # types stay importable without torch

Source = str | Path | bytes | np.ndarray | dict[str, Any] | Image.Image
Sample = np.ndarray | str
Pair = tuple[str, str]  # (query, gallery) or (modality, hub modality), in that order


@dataclass(frozen=True, kw_only=True)
class View:
    """A part of a picture, in shares of its sides, so that aligned pictures of any size can be cut alike.

    Attributes:
        top: upper edge, 0 to 1.
        left: left edge, 0 to 1.
        side: height and width, as a share of the picture's own; top + side <= 1, left + side <= 1.
        mirrored: flipped left to right.
    """

    top: float
    left: float
    side: float
    mirrored: bool

    @classmethod
    def draw(cls, chance: np.random.Generator, *, smallest: float, mirror: bool) -> "View":
        """A random view whose side is at least `smallest`; every second one mirrored where `mirror` is set."""
        side = float(chance.uniform(smallest, 1))
        top, left = (float(place) for place in chance.uniform(0, 1 - side, 2))
        return cls(top=top, left=left, side=side, mirrored=bool(chance.integers(2)) and mirror)

    def cut(self, picture: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
        """The part of `picture` that this view shows; `axes` are those of height and width."""
        cuts = [slice(None)] * picture.ndim
        for axis, start in zip(axes, (self.top, self.left), strict=True):
            size = max(1, round(self.side * picture.shape[axis]))
            first = min(round(start * picture.shape[axis]), picture.shape[axis] - size)
            cuts[axis] = slice(first, first + size)
        part = picture[tuple(cuts)]
        return np.ascontiguousarray(np.flip(part, axes[1]) if self.mirrored else part)


@dataclass(frozen=True, kw_only=True)
class LengthPolicy:
    """What happens to a sample whose length along its time or frame axis is not the encoder's.

    `any`: the encoder takes every length. `crop_or_pad`: centre crop, or pad at the end.
    `stretch`: resample the whole sample to `length`. `exact`: any other length is an error.
    """

    kind: Literal["any", "crop_or_pad", "stretch", "exact"] = "any"
    length: int | None = None

    def __post_init__(self) -> None:
        if (self.kind == "any") != (self.length is None):
            raise ValueError(f"length policy {self.kind!r} with length {self.length!r}")


@dataclass(frozen=True, kw_only=True)
class InputContract:
    """What one sample of a modality must be; stored in the checkpoint, checked on every read.

    Attributes:
        layout: space-separated axis names ("time channel", "height width"); "text" for a string.
        unit: physical unit of the values ("m", "m/s^2, rad/s", "K", "amplitude", "utf-8").
        value_range: smallest and largest value allowed, in `unit`; None for text.
        channels: names along the "channel" axis, in order; empty where there is none.
        rate_hz: samples per second along the "time" axis; None where time is not sampled.
        min_length: smallest size of the first axis (or number of characters).
        length: what `transform` does with other lengths.
        nan_is_missing: whether NaN in a source says "not measured" and is replaced by `read`; samples never hold it.
    """

    layout: str
    unit: str
    value_range: tuple[float, float] | None = None
    channels: tuple[str, ...] = ()
    rate_hz: float | None = None
    min_length: int = 1
    length: LengthPolicy = LengthPolicy()
    nan_is_missing: bool = False

    def check(self, sample: Sample) -> None:
        """Raise unless `sample` keeps the contract.

        Raises:
            SampleError: wrong type or number of axes, too short, wrong channels, NaN or
                infinite values, values out of range; each with got, expected and fix.
        """
        if self.layout == "text":
            self._check_text(sample)
        else:
            self._check_array(sample)

    def _check_text(self, sample: Sample) -> None:
        if not isinstance(sample, str):
            raise SampleError.explain("not a text", got=type(sample).__name__, expected="str")
        if len(sample.strip()) < self.min_length:
            raise SampleError.explain(
                "empty text",
                got=repr(sample),
                expected=f"at least {self.min_length} visible character(s)",
                fix="fill the cell or remove the row",
            )

    def _check_array(self, sample: Sample) -> None:
        axes = self.layout.split()
        if not isinstance(sample, np.ndarray) or sample.ndim != len(axes):
            got = f"shape {sample.shape}" if isinstance(sample, np.ndarray) else type(sample).__name__
            raise SampleError.explain(
                "wrong number of axes", got=got, expected=f"({', '.join(axes)})", fix="check the file's layout"
            )
        if sample.size == 0 or sample.shape[0] < self.min_length:
            raise SampleError.explain(
                "empty or too short",
                got=f"shape {sample.shape}",
                expected=f"{axes[0]} >= {self.min_length}",
                fix="remove the row, or record a longer sample",
            )
        if self.channels and sample.shape[axes.index("channel")] != len(self.channels):
            raise SampleError.explain(
                "wrong number of channels",
                got=f"{sample.shape[axes.index('channel')]} channels in shape {sample.shape}",
                expected=f"{len(self.channels)} ({', '.join(self.channels)})",
                fix="bring the channels into this order before saving the file",
            )
        self._check_values(sample)

    def _check_values(self, sample: np.ndarray) -> None:
        if sample.dtype.kind not in "biuf":
            raise SampleError.explain("not numeric", got=sample.dtype, expected=f"real numbers in {self.unit}")
        if sample.dtype.kind == "f" and not np.isfinite(sample).all():
            bad = int((~np.isfinite(sample)).sum())
            raise SampleError.explain(
                "not a number",
                got=f"{bad} of {sample.size} values are NaN or infinite",
                expected=f"finite values in {self.unit}",
                fix="repair or remove the recording; binder never fills in values",
            )
        if self.value_range is None:
            return
        low, high = float(sample.min()), float(sample.max())
        if low < self.value_range[0] or high > self.value_range[1]:
            raise SampleError.explain(
                "value out of range",
                got=f"{low:.6g} to {high:.6g}",
                expected=f"{self.value_range[0]:g} to {self.value_range[1]:g} {self.unit}",
                fix="check the unit of the file, or widen the modality's range option",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTower:
    """A hub's own image tower on its way to a modality that starts from it.

    The hub's vector of a picture is norm(matrix norm(network(pixels)) + offset).

    Attributes:
        architecture: JSON that rebuilds the network without its weights: `library` and what that library asks for.
        weights: the network's parameters and buffers by name, on the CPU.
        matrix: of the transform fitted to the hub, (dim, dim); None for no transform.
        offset: of that transform, (dim,).
        origin: JSON of where the weights come from: name and fingerprint of the hub.
    """

    architecture: dict[str, Any]
    weights: dict[str, Any]
    origin: dict[str, Any]
    matrix: Any = None
    offset: Any = None

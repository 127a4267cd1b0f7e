"""Read distances: PNG, TIFF, NPY, NPZ or arrays -> float32 (frame, height, width) in metres; 0 is a hole.

Stored numbers become metres by the option `unit`; those listed in `holes` say that nothing was measured.
"""

from collections.abc import Sequence

import numpy as np

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source
from modalities.files import load_arrays, named, only_array, open_picture, refuse_several

PICTURES = "one channel of 16-bit integers or 32-bit floats, as PNG or TIFF"
# What a stored number is. `by_type`: integers are mm, floats are m.
UNITS = ("by_type", "mm", "m", "sun_rgbd", "disparity")
FRAMES = ("guess", "first", "last")
COLOURS = 4  # an array with so many numbers a pixel, or fewer, is a coloured picture
TALLEST = 1.5  # height by width of what depth cameras give; (height, width, frame) read as a clip is taller
OUTSIDE = ("error", "clamp", "hole")


def read_depth(
    source: Source,
    *,
    unit: str,
    per_unit: float,
    holes: Sequence[float],
    focal_baseline: float | None,
    frames: str,
    near_m: float,
    far_m: float,
    outside: str,
) -> np.ndarray:
    """Read `source` and convert it to metres within near_m..far_m, 0 where nothing was measured.

    Args:
        source: path, bytes or array.
        unit: one of `UNITS`.
        per_unit: stored numbers are divided by it first.
        holes: stored numbers that mean no measurement; NaN and infinities may be among them.
        focal_baseline: focal length in pixels times baseline in metres; needed for `disparity`.
        frames: which axis of an array they are, one of `FRAMES`.
        near_m: smallest distance allowed.
        far_m: largest distance allowed.
        outside: what becomes of a distance beyond these: one of `OUTSIDE`.

    Raises:
        SampleError: undecodable, not a depth picture, or distances out of range.
    """
    stored = _decode(source, eight_bits=unit == "disparity")
    if stored.dtype.kind not in "iuf":
        raise SampleError.explain("not distances", got=f"values of type {stored.dtype}", expected="numbers")
    if stored.ndim not in (2, 3):
        return stored  # the contract names what is wrong with the shape
    if stored.ndim == 3 and stored.shape[-1] <= COLOURS:
        raise SampleError.explain(
            "looks like a coloured picture",
            got=f"shape {stored.shape}",
            expected="(height, width) or (frame, height, width)",
            fix="save the distances, not their colours",
        )
    stored = _frames_first(stored, frames)
    # a float file holds its own rounding of a declared number
    values = np.asarray(holes, stored.dtype if stored.dtype.kind == "f" else np.float64)
    hole = np.isin(stored, values) | (np.isnan(stored) & bool(np.isnan(values).any()))
    how, metres = _to_metres(stored, unit, per_unit, focal_baseline)
    metres = np.where(hole, np.float32(0), metres)
    metres = _within(metres, ~hole, near_m, far_m, outside, f"read as {how} from {stored.dtype}")
    return metres[None] if metres.ndim == 2 else metres


def _frames_first(stored: np.ndarray, frames: str) -> np.ndarray:
    if stored.ndim == 2 or frames == "first":
        return stored
    if frames == "last":
        return np.moveaxis(stored, -1, 0)
    count, height, width = stored.shape
    if count > 1 and height > TALLEST * width:
        raise SampleError.explain(
            "frames may be the last axis",
            got=f"shape {stored.shape}, which would be {count} frames of {height} x {width} pixels",
            expected="(frame, height, width)",
            fix=f"set the option frames: last if these are {width} frames of {count} x {height}, else frames: first",
        )
    return stored


def unrotate(stored: np.ndarray) -> np.ndarray:
    """Millimetres of SUN RGB-D's PNGs, whose 16 bits are rotated left by three.

    S. Song et al., 2015, SUN RGB-D; its toolbox (read3dPoints.m) undoes it as here; uint16 in, uint16 out.
    """
    return (stored >> np.uint16(3)) | (stored << np.uint16(13))


def _to_metres(stored: np.ndarray, unit: str, per_unit: float, focal_baseline: float | None) -> tuple[str, np.ndarray]:
    """What the numbers were taken for, and their value in metres."""
    if unit == "by_type":
        unit = "mm" if stored.dtype.kind in "iu" else "m"
    if unit == "sun_rgbd":
        if stored.dtype != np.uint16:
            raise SampleError.explain(
                "not a depth picture of SUN RGB-D", got=stored.dtype, expected="uint16", fix="set the option unit"
            )
        stored = unrotate(stored)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # what comes of it is out of range, or a hole
        numbers = stored.astype(np.float32) / np.float32(per_unit)
        if unit == "disparity":
            assert focal_baseline is not None  # the options were checked
            return "disparity in pixels", np.float32(focal_baseline) / numbers
    return unit, numbers if unit == "m" else numbers / np.float32(1000)


def to_stored(metres: np.ndarray, unit: str, per_unit: float, focal_baseline: float | None) -> np.ndarray:
    """What an array with these metres holds under the same options; 0 stays 0."""
    if unit == "sun_rgbd":
        mm = (metres * 1000 * per_unit).round().astype(np.uint16)
        return (mm << np.uint16(3)) | (mm >> np.uint16(13))
    if unit == "disparity":
        assert focal_baseline is not None
        values = np.divide(focal_baseline, metres, out=np.zeros_like(metres), where=metres > 0)
    else:
        values = metres * 1000 if unit == "mm" else metres
    return (values * per_unit).astype(np.float32)


def _within(metres: np.ndarray, known: np.ndarray, near_m: float, far_m: float, outside: str, how: str) -> np.ndarray:
    """Hold known distances to near_m..far_m; a NaN is left to the contract, which counts it."""
    seen = metres[known]
    if seen.size == 0:
        if metres.size:
            raise SampleError.explain(
                "only holes", got="no pixel with a distance", expected="distances", fix="remove the row"
            )
        return metres  # the contract names an empty array
    beyond = known & ((metres < near_m) | (metres > far_m))
    # most of a picture beyond the range is a wrong unit, whatever is to become of single pixels
    wrong = beyond.any() if outside == "error" else beyond.sum() > known.sum() / 2
    if wrong:
        raise SampleError.explain(
            "distance out of range",
            got=f"{seen.min():.6g} to {seen.max():.6g} m, {how}; {beyond.sum()} of {seen.size} beyond",
            expected=f"{near_m:g} to {far_m:g} m, or a hole",
            fix="set the option unit to that of the file, widen near_m and far_m, or set outside: clamp or hole",
        )
    if outside == "clamp":
        return np.where(known, np.clip(metres, near_m, far_m), metres)
    return np.where(beyond, np.float32(0), metres)


def _decode(source: Source, *, eight_bits: bool) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    name = named(source)
    if isinstance(source, dict) and source.keys().isdisjoint({"bytes", "path"}):
        raise SampleError.explain("not a depth map", got="a dict", expected="a path, bytes or an array")
    data = read_bytes(source)
    arrays = load_arrays(data, name)
    if arrays is None:
        return _from_picture(data, name, eight_bits=eight_bits)
    return only_array(arrays, name) if isinstance(arrays, dict) else arrays


def _from_picture(data: bytes, name: str, *, eight_bits: bool) -> np.ndarray:
    with open_picture(data, expected=f"{PICTURES}; NPY or NPZ") as image:
        if not image.mode.startswith(("I", "F")) and not (eight_bits and image.mode == "L"):
            raise SampleError.explain(
                "not a depth picture",
                got=f"{name}: {image.format} of mode {image.mode}",
                expected=PICTURES,
                fix="export the raw distances, not their coloured or 8-bit preview",
            )
        refuse_several(image)
        # Pillow keeps byte-swapped 16-bit pixels as they are
        return np.asarray(image).astype(np.uint16) if image.mode.startswith("I;16") else np.array(image)

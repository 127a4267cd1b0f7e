"""Read point clouds: NPY, NPZ or arrays -> float32 (point, 3 or 6); colours from 0 to 1.

NPZ holds `xyz` and perhaps `rgb` (as OmniBind's), or one array of any name.
"""

from collections.abc import Mapping

import numpy as np

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source
from modalities.files import load_arrays, named, only_array

FORMATS = "NPY of (point, 3) or (point, 6), or NPZ with xyz and perhaps rgb"


def read_points(source: Source, *, colour: bool) -> np.ndarray:
    """Read `source`: places, and with `colour` the colours beside them.

    Colours are 0 to 1, or 0 to 255 where they are stored as integers apart from the places.

    Raises:
        SampleError: undecodable, not (point, 3 or 6), no colour where it is asked for, colours out of
            range, or all points at one place.
    """
    points = _decode(source)
    if points.dtype.kind not in "iuf" or points.ndim != 2 or points.shape[1] not in (3, 6) or len(points) == 0:
        return points  # the contract names what is wrong with type or shape
    if colour and points.shape[1] == 3:
        raise SampleError.explain(
            "no colour", got=f"{named(source)}: shape {points.shape}", expected=FORMATS, fix="set colour: false"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # the contract names what is not finite
        points = points[:, : 6 if colour else 3].astype(np.float32)
    if colour and ((points[:, 3:] < 0) | (points[:, 3:] > 1)).any():
        raise SampleError.explain(
            "colour out of range",
            got=f"{points[:, 3:].min():.6g} to {points[:, 3:].max():.6g}",
            expected="0 to 1",
            fix="divide by 255, or store rgb apart as integers from 0 to 255",
        )
    if np.isfinite(points).all() and (points[:, :3] == points[0, :3]).all():
        raise SampleError.explain(
            "no extent", got=f"{len(points)} point(s) at one place", expected="a surface", fix="remove the row"
        )
    return points


def _decode(source: Source) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, dict) and source.keys().isdisjoint({"bytes", "path"}):
        return _from_fields(source, "dict")
    name, data = named(source), read_bytes(source)
    arrays = load_arrays(data, name)
    if arrays is None:
        raise SampleError.explain("not a point cloud", got=name, expected=FORMATS, fix="convert it with numpy")
    return _from_fields(arrays, name) if isinstance(arrays, dict) else arrays


def _from_fields(fields: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    arrays = {key: np.asarray(value) for key, value in fields.items()}
    if "xyz" not in arrays:
        return only_array(arrays, name)
    places, colours = arrays["xyz"], arrays.get("rgb")
    if colours is None:
        return places
    if colours.shape != places.shape or colours.dtype.kind not in "iuf":
        raise SampleError.explain(
            "colours do not fit the points", got=f"{name}: xyz {places.shape}, rgb {colours.dtype} {colours.shape}"
        )
    if colours.dtype.kind in "iu":
        colours = colours / np.float32(255)
    return np.concatenate([places.astype(np.float32), colours.astype(np.float32)], axis=1)

"""Read distances: 16-bit PNG, NPY, NPZ or arrays -> float32 (frame, height, width) in metres.

NPZ holds one array, of any name. Integers are millimetres and floats are metres, unless the option
`unit` says otherwise. 0 is a hole and stays 0.
"""

import io
import tokenize
import zipfile

import numpy as np
from PIL import Image, UnidentifiedImageError

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source


def read_depth(source: Source, *, unit: str, near_m: float, far_m: float) -> np.ndarray:
    """Read `source`, convert it to metres and refuse distances outside near_m..far_m.

    Raises:
        SampleError: undecodable, not a 16-bit PNG, or a distance out of range.
    """
    values = _decode(source)
    if values.dtype.kind not in "iuf":
        raise SampleError.explain("not distances", got=f"values of type {values.dtype}", expected="numbers in mm or m")
    in_mm = unit == "mm" or (unit == "by_type" and values.dtype.kind in "iu")
    metres = values.astype(np.float32) / np.float32(1000) if in_mm else values.astype(np.float32)
    if metres.ndim == 2:
        metres = metres[None]
    _check_range(metres, near_m, far_m, f"read as {'mm' if in_mm else 'm'} from {values.dtype}")
    return metres


def _check_range(metres: np.ndarray, near_m: float, far_m: float, how: str) -> None:
    seen = metres[metres != 0]
    if seen.size == 0:
        if metres.size:
            raise SampleError.explain("only holes", got="every pixel is 0", expected="distances", fix="remove the row")
        return  # the contract names an empty array
    low, high = float(seen.min()), float(seen.max())
    if low < near_m or high > far_m:  # NaN is left to the contract, which counts it
        raise SampleError.explain(
            "distance out of range",
            got=f"{low:.6g} to {high:.6g} m, {how}",
            expected=f"0 (hole) or {near_m:g} to {far_m:g} m",
            fix="set the option unit to that of the file (mm or m), or widen near_m and far_m",
        )


def _decode(source: Source) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    name = f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    if isinstance(source, dict):
        raise SampleError.explain("not a depth map", got="a dict", expected="a path, bytes or an array")
    content = read_bytes(source)
    try:
        if content.startswith(b"PK"):
            return _only_array(content, name)
        if content.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(content), allow_pickle=False)
        return _from_image(content, name)
    except (
        ValueError,
        EOFError,
        tokenize.TokenError,
        OSError,
        SyntaxError,
        zipfile.BadZipFile,
        UnidentifiedImageError,
    ) as error:
        raise SampleError.explain(
            "not a readable depth map",
            got=f"{name}: {type(error).__name__}: {error}",
            expected="16-bit PNG, NPY or NPZ",
            fix="save distances as uint16 millimetres or float32 metres",
        ) from error


def _only_array(content: bytes, name: str) -> np.ndarray:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        if len(archive.files) != 1:
            raise SampleError.explain(
                "more than one array", got=f"{name}: {', '.join(archive.files) or 'none'}", expected="one array"
            )
        return archive[archive.files[0]]


def _from_image(content: bytes, name: str) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        if not image.mode.startswith("I"):
            raise SampleError.explain(
                "not a 16-bit depth picture",
                got=f"{name}: {image.format} of mode {image.mode}",
                expected="one channel of 16 bits, in millimetres",
                fix="export the raw distances, not their coloured or 8-bit preview",
            )
        return np.asarray(image).astype(np.uint16 if image.mode.startswith("I;16") else np.int32)

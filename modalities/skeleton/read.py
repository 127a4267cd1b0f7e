"""Read joints: NPY, NPZ, CSV or an array -> float32 (frame, joint, 3) in metres.

NPZ holds one array named `joints`. CSV has a header and one frame a line: x, y, z of joint 0, then of
joint 1, and so on.
"""

import io
import tokenize
import zipfile

import numpy as np

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source


def read_skeleton(source: Source, *, num_joints: int) -> np.ndarray:
    """Read `source`; anything but `num_joints` joints with three coordinates is refused.

    Raises:
        SampleError: undecodable, or another number of joints or coordinates.
    """
    joints = _decode(source)
    if joints.ndim != 3 or joints.shape[1:] != (num_joints, 3):
        raise SampleError.explain(
            "not the declared skeleton",
            got=f"shape {joints.shape}",
            expected=f"(frame, {num_joints}, 3)",
            fix="set the option num_joints, or reorder the axes of the file",
        )
    return joints.astype(np.float32) if joints.dtype.kind in "iuf" else joints


def _decode(source: Source) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, dict):
        return _joints(source)
    content = read_bytes(source)
    try:
        if content.startswith(b"PK"):
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return _joints(dict(archive))
        if content.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(content), allow_pickle=False)
        lines = [line for line in content.decode().splitlines()[1:] if line.strip()]
        if not lines:
            raise ValueError("no frame")
        return np.loadtxt(lines, delimiter=",", ndmin=2).reshape(len(lines), -1, 3)
    except (ValueError, EOFError, tokenize.TokenError, zipfile.BadZipFile) as error:
        raise SampleError.explain(
            "not a readable skeleton",
            got=f"{len(source)} bytes: {error}" if isinstance(source, bytes) else f"{source}: {error}",
            expected="NPY, NPZ with an array `joints`, or CSV with x, y, z of each joint",
        ) from error


def _joints(fields: dict) -> np.ndarray:
    if "joints" not in fields:
        raise SampleError.explain("missing array", got=", ".join(sorted(fields)) or "nothing", expected="joints")
    return np.asarray(fields["joints"])

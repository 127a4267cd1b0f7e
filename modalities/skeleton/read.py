"""Read joints: NPY, NPZ, CSV or an array -> float32 (frame, joint, 3) in metres.

NPZ holds one array named `joints`. CSV has a header and one frame a line: x, y, z of joint 0, then of
joint 1, and so on.
"""

import numpy as np

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source
from modalities.files import load_arrays, named


def read_skeleton(source: Source, *, num_joints: int, mask_missing: bool, body: tuple[int, int]) -> np.ndarray:
    """Read `source`; anything but `num_joints` joints with three coordinates is refused.

    Args:
        source: path, bytes, array, or a dict of what an NPZ holds.
        num_joints: joints per frame.
        mask_missing: joints of NaN, as those of three zeros, were not seen; they become three zeros.
        body: root and top joint, which one frame at least must show together.

    Raises:
        SampleError: undecodable, another number of joints or coordinates, or too little of the body seen.
    """
    joints = _decode(source)
    if joints.ndim != 3 or joints.shape[1:] != (num_joints, 3):
        raise SampleError.explain(
            "not the declared skeleton",
            got=f"shape {joints.shape}",
            expected=f"(frame, {num_joints}, 3)",
            fix="set the option num_joints, or reorder the axes of the file",
        )
    if joints.dtype.kind not in "iuf":
        return joints  # the contract names the type
    with np.errstate(over="ignore", invalid="ignore"):  # the contract names what is not finite
        joints = joints.astype(np.float32)
    if not mask_missing or len(joints) == 0:
        return joints
    joints = np.where(np.isnan(joints).any(axis=-1, keepdims=True), np.float32(0), joints)
    if not seen(joints)[:, body].all(axis=1).any():
        raise SampleError.explain(
            "no frame shows the body",
            got=f"joints {body[0]} and {body[1]} are never seen together",
            expected="root_joint and top_joint in one frame at least",
            fix="choose other joints, or remove the row",
        )
    return joints


def seen(joints: np.ndarray) -> np.ndarray:
    """Which joints were seen, bool (frame, joint); none is at the camera's very centre."""
    return (joints != 0).any(axis=-1)


def _decode(source: Source) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, dict) and source.keys().isdisjoint({"bytes", "path"}):
        return _joints(source)
    name, data = named(source), read_bytes(source)
    arrays = load_arrays(data, name)
    if arrays is None:
        return _from_csv(data, name)
    return _joints(arrays) if isinstance(arrays, dict) else arrays


def _from_csv(data: bytes, name: str) -> np.ndarray:
    try:
        lines = [line for line in data.decode().splitlines()[1:] if line.strip()]
        if not lines:
            raise ValueError("no frame")
        return np.loadtxt(lines, delimiter=",", ndmin=2).reshape(len(lines), -1, 3)
    except ValueError as error:
        raise SampleError.explain(
            "not a readable skeleton",
            got=f"{name}: {error}",
            expected="NPY, NPZ with an array `joints`, or CSV with x, y, z of each joint",
        ) from error


def _joints(fields: dict) -> np.ndarray:
    if "joints" not in fields:
        raise SampleError.explain("missing array", got=", ".join(sorted(fields)) or "nothing", expected="joints")
    return np.asarray(fields["joints"])

"""Read inertial recordings: CSV, NPZ, NPY or arrays -> float32 (time, 6) in m/s^2 and rad/s.

CSV has the columns `time_s`, `accel_x` .. `accel_z`, `gyro_x` .. `gyro_z`; its rate is inferred from
`time_s`. NPZ has `samples` (time, 6) and `rate_hz`. NPY and plain arrays carry no rate: the declared
one is taken on trust.
"""

import io
import tokenize
import zipfile

import numpy as np
import pyarrow as pa
from pyarrow import csv

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source

COLUMNS = ("time_s", "accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z")
RATE_TOLERANCE = 0.01  # clocks of inertial sensors drift by less than 1 %
JITTER_TOLERANCE = 0.5  # one step may be off by half a period; more is a gap or a repeated stamp


def read_imu(source: Source, *, rate_hz: float, resample: bool, accel_range: float, gyro_range: float) -> np.ndarray:
    """Read `source` and hold it to the declared rate and to each triad's range.

    Raises:
        SampleError: undecodable, another rate, gaps in time, or values outside a range.
    """
    samples, found_hz = _decode(source)
    if samples.dtype.kind != "f" or samples.ndim != 2 or samples.shape[1] != 6 or samples.shape[0] < 2:
        return samples  # the contract names what is wrong with the shape
    if found_hz is not None and abs(found_hz - rate_hz) > RATE_TOLERANCE * rate_hz:
        if not resample:
            raise SampleError.explain(
                "wrong sample rate",
                got=f"{found_hz:g} Hz",
                expected=f"{rate_hz:g} Hz",
                fix=f"set the option rate_hz: {found_hz:g}, or resample: true to convert recordings on reading",
            )
        samples = resample_to(samples, found_hz, rate_hz)
    _check_range(samples[:, :3], "acceleration", accel_range, "m/s^2", "g (multiply by 9.80665)")
    _check_range(samples[:, 3:], "angular velocity", gyro_range, "rad/s", "degrees/s (multiply by pi / 180)")
    return samples


def resample_to(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """Bring (time, channel) from one rate to another with an anti-aliasing filter."""
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(to_hz / from_hz).limit_denominator(1000)
    # padtype line: recordings start and end at gravity, not at zero
    return resample_poly(samples, ratio.numerator, ratio.denominator, axis=0, padtype="line").astype(np.float32)


def _decode(source: Source) -> tuple[np.ndarray, float | None]:
    if isinstance(source, np.ndarray):
        return _real(source), None
    if isinstance(source, dict):
        return _from_fields(source, "dict")
    name = f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    content = read_bytes(source)
    try:
        if content.startswith(b"PK"):
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return _from_fields(dict(archive), name)
        if content.startswith(b"\x93NUMPY"):
            return _real(np.load(io.BytesIO(content), allow_pickle=False)), None
        return _from_csv(content, name)
    except (ValueError, EOFError, tokenize.TokenError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise SampleError.explain(
            "not a readable IMU recording",
            got=f"{name}: {type(error).__name__}: {error}",
            expected="CSV, NPZ or NPY",
            fix="open the file and compare it with the formats in modalities/imu/README.md",
        ) from error


def _from_fields(fields: dict, name: str) -> tuple[np.ndarray, float]:
    if not {"samples", "rate_hz"} <= fields.keys():
        raise SampleError.explain(
            "missing array", got=f"{name} with {', '.join(sorted(fields)) or 'nothing'}", expected="samples, rate_hz"
        )
    return _real(np.asarray(fields["samples"])), float(fields["rate_hz"])


def _from_csv(content: bytes, name: str) -> tuple[np.ndarray, float]:
    header, _, rows = content.partition(b"\n")
    header = header.decode(errors="replace").strip()
    missing = [column for column in COLUMNS if column not in [part.strip() for part in header.split(",")]]
    if missing:
        raise SampleError.explain(
            "missing column(s)", got=f"{name} with the header {header[:120]!r}", expected=",".join(COLUMNS)
        )
    if not rows.strip():
        raise SampleError.explain("empty recording", got=f"{name}: a header without rows", fix="remove the row")
    options = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.float64()), include_columns=list(COLUMNS))
    # one thread: a data loader already runs one process per core
    table = csv.read_csv(io.BytesIO(content), csv.ReadOptions(use_threads=False), convert_options=options)
    columns = np.stack([table[column].to_numpy() for column in COLUMNS], axis=1)
    return columns[:, 1:].astype(np.float32), _infer_rate(columns[:, 0], name)


def _infer_rate(time_s: np.ndarray, name: str) -> float:
    steps = np.diff(time_s)
    if steps.size == 0:
        raise SampleError.explain("one row: no rate can be inferred", got=name, expected="two rows or more")
    period = float(np.median(steps))
    if not np.isfinite(steps).all() or period <= 0:
        raise SampleError.explain("time_s does not increase", got=name, expected="seconds, increasing")
    worst = int(np.abs(steps - period).argmax())
    if abs(steps[worst] - period) > JITTER_TOLERANCE * period:
        raise SampleError.explain(
            "gap or repeated stamp in time_s",
            got=f"{name}: {steps[worst]:.6g} s between rows {worst} and {worst + 1}",
            expected=f"about {period:.6g} s",
            fix="interpolate the gap yourself or cut the recording there; binder never fills in values",
        )
    # the mean step, not the median: stamps rounded to milliseconds would move the rate
    return round(float(steps.size / (time_s[-1] - time_s[0])), 6)


def _real(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind in "iuf" else array


def _check_range(values: np.ndarray, what: str, limit: float, unit: str, usual_mistake: str) -> None:
    largest = float(np.abs(values).max())
    if largest > limit:  # NaN is left to the contract, which counts it
        raise SampleError.explain(
            f"{what} out of range",
            got=f"{largest:.6g}",
            expected=f"at most {limit:g} {unit}",
            fix=f"check that the file is not in {usual_mistake}, or widen the range option",
        )

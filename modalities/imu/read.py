"""Read inertial recordings: CSV, NPZ, NPY or arrays -> float32 (time, channel) in m/s^2 and rad/s.

CSV has the columns `time_s` and the channels by name; its rate is inferred from `time_s`. NPZ has `samples`
(time, channel) and `rate_hz`, and may name its `channels` and say its `accel_unit` and `gyro_unit`. NPY and
plain arrays carry neither: what the options declare is taken on trust.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source
from modalities.files import load_arrays, named

TIME = "time_s"
STANDARD_GRAVITY = 9.80665  # m/s^2; CGPM 1901
UNITS = {
    "accel": {"m/s^2": 1.0, "g": STANDARD_GRAVITY, "mg": STANDARD_GRAVITY / 1000},
    "gyro": {"rad/s": 1.0, "deg/s": math.pi / 180},
}
RATE_TOLERANCE = 0.01  # clocks of inertial sensors drift by less than 1 %
JITTER_TOLERANCE = 0.5  # one step may be off by half a period; more is a gap or a repeated stamp


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a file says: its numbers, and their rate and units where it names them."""

    samples: np.ndarray
    rate_hz: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)


def read_imu(
    source: Source,
    *,
    channels: Sequence[str],
    rate_hz: float,
    resample: bool,
    units: Mapping[str, str],
    ranges: Mapping[str, float],
) -> np.ndarray:
    """Read `source`, convert its units, and hold it to the declared rate and to each sensor's range.

    Args:
        source: path, bytes, array, or a dict of what an NPZ holds.
        channels: names of the columns to give, in order; three for each sensor.
        rate_hz: that the sample must have.
        resample: convert recordings of another rate.
        units: sensor -> unit of numbers whose file does not say it.
        ranges: sensor -> largest absolute value, m/s^2 or rad/s.

    Raises:
        SampleError: undecodable, another rate or an unknown unit, gaps in time, or values outside a range.
    """
    recording = _decode(source, channels)
    samples = recording.samples
    if samples.dtype.kind != "f" or samples.ndim != 2 or samples.shape[1] != len(channels) or len(samples) < 2:
        return samples  # the contract names what is wrong with the shape
    with np.errstate(over="ignore", invalid="ignore"):  # the range and the contract name them
        samples = samples * unit_factors(channels, {**units, **recording.units})
    # a rate that is NaN is no declared one
    if recording.rate_hz is not None and not abs(recording.rate_hz - rate_hz) <= RATE_TOLERANCE * rate_hz:
        samples = _at_rate(samples, recording.rate_hz, rate_hz, resample=resample)
    for number, sensor in enumerate(ranges):
        _check_range(samples[:, 3 * number : 3 * number + 3], sensor, ranges[sensor])
    return samples


def resample_to(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """Bring (time, channel) from one rate to another, band-limited: a polyphase filter of Kaiser windowed sinc."""
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(to_hz / from_hz).limit_denominator(1000)
    # padtype line: recordings start and end at gravity, not at zero
    return resample_poly(samples, ratio.numerator, ratio.denominator, axis=0, padtype="line").astype(np.float32)


def _at_rate(samples: np.ndarray, found_hz: float, rate_hz: float, *, resample: bool) -> np.ndarray:
    ratio = rate_hz / found_hz if math.isfinite(found_hz) and found_hz > 0 else 0.0
    if not 0.001 <= ratio <= 1000:
        raise SampleError.explain("no sensible sample rate", got=f"{found_hz:g} Hz", expected=f"about {rate_hz:g} Hz")
    if not resample:
        raise SampleError.explain(
            "wrong sample rate",
            got=f"{found_hz:g} Hz",
            expected=f"{rate_hz:g} Hz",
            fix=f"set the option rate_hz: {found_hz:g}, or resample: true to convert recordings on reading",
        )
    return resample_to(samples, found_hz, rate_hz)


def unit_factors(channels: Sequence[str], units: Mapping[str, str]) -> np.ndarray:
    """What each column is multiplied by to be in m/s^2 or rad/s, float32 (channel,)."""
    factors = []
    for sensor in (channel.rpartition("_")[0] for channel in channels):
        if units[sensor] not in UNITS[sensor]:
            raise SampleError.explain(f"unknown {sensor}_unit", got=repr(units[sensor]), choices=UNITS[sensor])
        factors.append(UNITS[sensor][units[sensor]])
    return np.asarray(factors, np.float32)


def _decode(source: Source, channels: Sequence[str]) -> Recording:
    if isinstance(source, np.ndarray):
        return Recording(samples=_real(source))
    if isinstance(source, dict) and source.keys().isdisjoint({"bytes", "path"}):
        return _from_fields(source, channels, "dict")
    name = named(source)
    content = read_bytes(source)
    arrays = load_arrays(content, name)
    if isinstance(arrays, dict):
        return _from_fields(arrays, channels, name)
    return _from_csv(content, channels, name) if arrays is None else Recording(samples=_real(arrays))


def _from_fields(fields: Mapping[str, Any], channels: Sequence[str], name: str) -> Recording:
    if not {"samples", "rate_hz"} <= fields.keys():
        raise SampleError.explain(
            "missing array", got=f"{name} with {', '.join(sorted(fields)) or 'nothing'}", expected="samples, rate_hz"
        )
    samples = _real(np.asarray(fields["samples"]))
    if fields.get("channels") is not None:
        samples = _choose(samples, [str(channel) for channel in np.ravel(fields["channels"])], channels, name)
    units = {sensor: str(fields[f"{sensor}_unit"]) for sensor in UNITS if fields.get(f"{sensor}_unit") is not None}
    try:
        rate_hz = float(fields["rate_hz"])
    except (TypeError, ValueError) as error:
        raise SampleError.explain("rate_hz is not a number", got=f"{name}: {error}", expected="hertz") from error
    return Recording(samples=samples, rate_hz=rate_hz, units=units)


def _choose(samples: np.ndarray, found: list[str], channels: Sequence[str], name: str) -> np.ndarray:
    """The columns that `channels` name, in their order."""
    if not set(channels) <= set(found) or samples.ndim != 2 or samples.shape[1] != len(found):
        raise SampleError.explain(
            "missing channel(s)",
            got=f"{name}: {', '.join(found)} for samples of shape {samples.shape}",
            expected=", ".join(channels),
        )
    return samples[:, [found.index(channel) for channel in channels]]


def _from_csv(content: bytes, channels: Sequence[str], name: str) -> Recording:
    columns = [TIME, *channels]
    header, _, rows = content.partition(b"\n")
    header = header.decode(errors="replace").strip()
    if not set(columns) <= {part.strip() for part in header.split(",")}:
        raise SampleError.explain(
            "missing column(s)", got=f"{name} with the header {header[:120]!r}", expected=",".join(columns)
        )
    if not rows.strip():
        raise SampleError.explain("empty recording", got=f"{name}: a header without rows", fix="remove the row")
    options = csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64()), include_columns=columns)
    try:  # one thread: a data loader already runs one process per core
        table = csv.read_csv(io.BytesIO(content), csv.ReadOptions(use_threads=False), convert_options=options)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise SampleError.explain(
            "not a readable IMU recording",
            got=f"{name}: {type(error).__name__}: {error}",
            expected="CSV, NPZ or NPY",
            fix="open the file and compare it with the formats in modalities/imu/README.md",
        ) from error
    numbers = np.stack([table[column].to_numpy() for column in columns], axis=1)
    return Recording(samples=_real(numbers[:, 1:]), rate_hz=_infer_rate(numbers[:, 0], name))


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
    with np.errstate(over="ignore", invalid="ignore"):  # the range and the contract name them
        return array.astype(np.float32) if array.dtype.kind in "iuf" else array


def _check_range(values: np.ndarray, sensor: str, limit: float) -> None:
    what, unit, other = {
        "accel": ("acceleration", "m/s^2", "accel_unit: g"),
        "gyro": ("angular velocity", "rad/s", "gyro_unit: deg/s"),
    }[sensor]
    largest = float(np.abs(values).max())
    if largest > limit:  # NaN is left to the contract, which counts it
        raise SampleError.explain(
            f"{what} out of range",
            got=f"{largest:.6g}",
            expected=f"at most {limit:g} {unit}",
            fix=f"set the option {other} if that is the file's unit, or widen {sensor}_range",
        )

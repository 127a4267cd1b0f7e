"""Turns sound files and arrays into mono samples, no longer than the tower needs; called by `Audio.read`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float32

from binder.errors import SampleError
from binder.modality import open_bytes
from binder.types import Source
from modalities.audio.decode import check_rate, decode, resampled_length, to_rate
from modalities.audio.windows import Span

FULL_SCALE = 0.99  # three equal neighbours above it are cut peaks; 8 bits reach 127 / 128
OVER_SCALE = 1.001  # codecs and resampling overshoot where peaks were cut
SILENT = 2.0**-15  # one step of 16 bits


def read_audio(
    source: Source, *, rate_hz: int, resample: bool, mono: str, needed: Callable[[int], list[Span]]
) -> Float32[np.ndarray, "..."]:
    """Give the parts of a sound that are needed as (time, 1) float32 at `rate_hz`, one after the other.

    Args:
        source: a file or bytes that libsndfile opens (WAV, FLAC, OGG, MP3, ...); a dictionary
            {"array", "sampling_rate"} as `datasets` and sentence-transformers use; or an array
            (time,) or (time, channel), which is taken to be at `rate_hz`.
        rate_hz: the rate that is wanted.
        resample: convert other rates instead of refusing them.
        mono: what to do with several channels; see `Audio`.
        needed: amplitudes at `rate_hz` of the whole sound -> the parts wanted.

    Raises:
        SampleError: undecodable or truncated; another rate; integers; channels before time.
    """

    def mix(array: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
        return _to_mono(array, mono)

    if isinstance(source, dict) and "array" in source:
        array, rate = mix(_as_time_channel(np.asarray(source["array"]))), _declared_rate(source)
        check_rate(rate, rate_hz, resample)
        return _cut(_resampled(array, rate, rate_hz), needed)
    if isinstance(source, np.ndarray):
        return _cut(mix(_as_time_channel(source)), needed)
    return decode(source, rate_hz=rate_hz, resample=resample, mix=mix, needed=needed)


def measure(source: Source, *, rate_hz: int) -> int:
    """How many amplitudes the whole sound has at `rate_hz`, from the header alone.

    Raises:
        SampleError: no header that libsndfile knows.
    """
    if isinstance(source, np.ndarray):
        return len(source)
    if isinstance(source, dict) and "array" in source:
        return resampled_length(len(source["array"]), _declared_rate(source), rate_hz)
    try:
        with open_bytes(source) as stream:
            file = soundfile.info(stream)
    except (OSError, RuntimeError, SampleError) as error:
        raise SampleError.explain("no sound header", got=str(error), fix="play the file") from error
    return resampled_length(file.frames, file.samplerate, rate_hz)


def check_length(length: int, num_samples: int, rate_hz: int) -> None:
    """Raise unless `length` is `num_samples` amplitudes."""
    if length != num_samples:
        raise SampleError.explain(
            "wrong length",
            got=f"{length} amplitudes ({length / rate_hz:.3f} s)",
            expected=f"{num_samples} ({num_samples / rate_hz:.3f} s)",
            fix="set the option length: crop_or_pad, or cut the recording",
        )


def remarks(sample: Float32[np.ndarray, "time 1"]) -> list[str]:
    """What a listener would complain of, though the sound is valid: silence, clipping."""
    loudness = np.abs(sample[:, 0])
    if not len(loudness):
        return []  # the contract's fault to find
    if loudness.max() < SILENT:
        return [f"silent: no amplitude above {loudness.max():.1g}"]
    flat = (loudness[1:] >= FULL_SCALE) & (np.diff(sample[:, 0]) == 0)
    clipped = (flat[1:] & flat[:-1]).sum() + (loudness > OVER_SCALE).sum()
    return [f"clipped: {clipped / len(loudness):.2%} of the amplitudes"] if clipped else []


def _cut(array: Float32[np.ndarray, "..."], needed: Callable[[int], list[Span]]) -> Float32[np.ndarray, "..."]:
    if array.ndim != 2 or array.size == 0:
        return array  # the contract words that error
    spans = needed(len(array))
    return array if spans == [(0, len(array))] else np.concatenate([array[start:stop] for start, stop in spans])


def _resampled(array: Float32[np.ndarray, "..."], rate: int, wanted: int) -> Float32[np.ndarray, "..."]:
    return to_rate(array, rate, wanted) if array.ndim == 2 else array


def _as_time_channel(array: np.ndarray) -> Float32[np.ndarray, "..."]:
    if array.dtype.kind != "f":
        raise SampleError.explain(
            "amplitudes are not floating point",
            got=array.dtype,
            expected="float, -1 to 1",
            fix="divide 16-bit integers by 32768",
        )
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2 and 0 < array.shape[0] < array.shape[1]:
        raise SampleError.explain(
            "channels come before time",
            got=f"shape {array.shape}",
            expected="(time, channel)",
            fix="transpose the array",
        )
    return array.astype(np.float32, copy=False)


def _declared_rate(source: dict[str, Any]) -> int:
    rate = source.get("sampling_rate")
    if not isinstance(rate, int | np.integer) or rate <= 0:
        raise SampleError.explain("no sampling rate", got=repr(rate), expected='a positive integer at "sampling_rate"')
    return int(rate)


def _to_mono(array: Float32[np.ndarray, "..."], mono: str) -> Float32[np.ndarray, "..."]:
    if array.ndim != 2 or array.shape[1] <= 1:
        return array  # other numbers of axes, or no channel: the contract words that error
    if mono == "refuse":
        raise SampleError.explain(
            "several channels", got=f"{array.shape[1]} channels", expected="1", fix="set the option mono: mix or first"
        )
    return array.mean(axis=1, keepdims=True) if mono == "mix" else array[:, :1]

"""Decodes sound files and arrays into mono samples; called by `Audio.read`."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from jaxtyping import Float32

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source

STREAMED = (0, 0xFFFFFFFF)  # sizes that programs write when they don't know the length in advance


def read_audio(source: Source, *, rate_hz: int, resample: bool, mono: str) -> Float32[np.ndarray, "..."]:
    """Give the sound in `source` as (time, 1) float32 at `rate_hz`.

    Args:
        source: a file or bytes that libsndfile opens (WAV, FLAC, OGG, MP3, ...); a dictionary
            {"array", "sampling_rate"} as `datasets` and sentence-transformers use; or an array
            (time,) or (time, channel), which is taken to be at `rate_hz`.
        rate_hz: the rate that is wanted.
        resample: convert other rates instead of refusing them.
        mono: what to do with several channels; see `Audio`.

    Raises:
        SampleError: undecodable or truncated; another rate; integers; channels before time.
    """
    if isinstance(source, dict) and "array" in source:
        array, rate = _as_time_channel(np.asarray(source["array"])), _declared_rate(source)
    elif isinstance(source, np.ndarray):
        array, rate = _as_time_channel(source), rate_hz
    else:
        array, rate = _decode(read_bytes(source))
    return _to_rate(_to_mono(array, mono), rate, rate_hz, resample)


def measure(source: Source, *, rate_hz: int) -> int:
    """How many amplitudes `read_audio` would give, from the header alone.

    Raises:
        SampleError: no header that libsndfile knows.
    """
    if isinstance(source, np.ndarray):
        return len(source)
    if isinstance(source, dict) and "array" in source:
        return round(len(source["array"]) * rate_hz / _declared_rate(source))
    try:
        file = soundfile.info(source if isinstance(source, str | Path) else BytesIO(read_bytes(source)))
    except (OSError, RuntimeError) as error:
        raise SampleError.explain("no sound header", got=str(error), fix="play the file") from error
    return round(file.frames * rate_hz / file.samplerate)


def check_length(sample: np.ndarray, num_samples: int, rate_hz: int) -> None:
    """Raise unless the sample has exactly `num_samples` amplitudes."""
    if len(sample) != num_samples:
        raise SampleError.explain(
            "wrong length",
            got=f"{len(sample)} amplitudes ({len(sample) / rate_hz:.3f} s)",
            expected=f"{num_samples} ({num_samples / rate_hz:.3f} s)",
            fix="set the option length: crop_or_pad, or cut the recording",
        )


def _decode(data: bytes) -> tuple[Float32[np.ndarray, "time channel"], int]:
    _check_riff_size(data)
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            promised = file.frames
            array = file.read(dtype="float32", always_2d=True)
            rate = file.samplerate
    except Exception as error:  # libsndfile and its wrapper raise several kinds on damaged bytes
        raise SampleError.explain(
            "cannot decode the sound",
            got=f"{type(error).__name__}: {error}",
            expected="a complete WAV, FLAC, OGG or MP3",
            fix="play the file; copy it again or remove the row",
        ) from error
    if len(array) < promised:
        raise _truncated(f"{len(array)} frames", f"{promised}")
    return array, rate


def _check_riff_size(data: bytes) -> None:
    """Find cut WAV files, which libsndfile would open as shorter sounds without a word."""
    promised = int.from_bytes(data[4:8], "little")
    if data.startswith(b"RIFF") and promised not in STREAMED and promised + 8 > len(data) + 1:  # + 1: a pad byte
        raise _truncated(f"{len(data)} bytes", f"{promised + 8}")


def _truncated(got: str, expected: str) -> SampleError:
    return SampleError.explain(
        "truncated sound file", got=got, expected=f"{expected}, as its header says", fix="copy the file again"
    )


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


def _to_rate(array: Float32[np.ndarray, "..."], rate: int, wanted: int, resample: bool) -> Float32[np.ndarray, "..."]:
    if rate == wanted:
        return array
    if not resample:
        raise SampleError.explain(
            "wrong sampling rate",
            got=f"{rate} Hz",
            expected=f"{wanted} Hz",
            fix=f"set the option resample: true, or rate_hz: {rate} for the whole modality",
        )
    if array.ndim != 2 or array.size == 0:
        return array
    return torchaudio.functional.resample(torch.from_numpy(array.T.copy()), rate, wanted).numpy().T

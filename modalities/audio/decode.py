"""Decodes parts of sound files at the rate that is wanted; called by `read`, which says which parts."""

import math
from collections.abc import Callable
from io import BufferedReader, BytesIO
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from jaxtyping import Float32

from binder.errors import SampleError
from binder.modality import open_bytes
from modalities.audio.windows import Span

STREAMED = (0, 0xFFFFFFFF)  # sizes that programs write when they don't know the length in advance
BLOCK_SECONDS = 60  # decoded and resampled at once: an hour in several channels would take gigabytes
FILTER_ZEROS, ROLLOFF = 6, 0.99  # torchaudio's defaults of `lowpass_filter_width` and `rolloff`
LARGEST_KERNEL = 50_000_000  # weights; rates without a common divisor need (lower rate) * (higher rate) of them

Mix = Callable[[Float32[np.ndarray, "time channel"]], Float32[np.ndarray, "time 1"]]


def decode(
    source: Any, *, rate_hz: int, resample: bool, mix: Mix, needed: Callable[[int], list[Span]]
) -> Float32[np.ndarray, "time 1"]:
    """Read the parts of a file that are needed, one after the other.

    Args:
        source: a path, bytes, or a `datasets` cell.
        rate_hz: wanted.
        resample: convert other rates.
        mix: what becomes of the channels.
        needed: amplitudes of the whole file at `rate_hz` -> the parts wanted.

    Raises:
        SampleError: undecodable or truncated; another rate that may not, or cannot, be converted.
    """
    try:
        with open_bytes(source) as stream:
            _check_riff_size(stream)
            with soundfile.SoundFile(stream) as sound:
                check_rate(sound.samplerate, rate_hz, resample)
                spans = needed(resampled_length(sound.frames, sound.samplerate, rate_hz))
                return _read(sound, spans, rate_hz, mix)
    except SampleError:
        raise
    except Exception as error:  # libsndfile and its wrapper raise several kinds on damaged bytes
        raise SampleError.explain(
            "cannot decode the sound",
            got=f"{type(error).__name__}: {error}",
            expected="a complete WAV, FLAC, OGG or MP3",
            fix="play the file; copy it again or remove the row",
        ) from error


def check_rate(rate: int, wanted: int, resample: bool) -> None:
    """Raise unless sounds of `rate` may be brought to the `wanted` one."""
    if rate == wanted:
        return
    if not resample:
        raise SampleError.explain(
            "wrong sampling rate",
            got=f"{rate} Hz",
            expected=f"{wanted} Hz",
            fix=f"set the option resample: true, or rate_hz: {rate} for the whole modality",
        )
    old, new = _ratio(rate, wanted)
    if new * (old + 2 * _reach(old, new)) > LARGEST_KERNEL:
        raise SampleError.explain(
            "sampling rate without a common divisor",
            got=f"{rate} Hz, of which {math.gcd(rate, wanted)} Hz is the largest that divides {wanted} Hz too",
            fix="convert the file to a usual rate beforehand",
        )


def resampled_length(length: int, rate: int, wanted: int) -> int:
    """Amplitudes after `to_rate`."""
    return -(-length * wanted // rate)


def to_rate(array: Float32[np.ndarray, "time channel"], rate: int, wanted: int) -> Float32[np.ndarray, "new channel"]:
    """Another rate, band-limited: torchaudio's windowed sinc."""
    if rate == wanted or array.size == 0:
        return array
    return torchaudio.functional.resample(torch.from_numpy(array.T.copy()), rate, wanted).numpy().T


def _read(sound: soundfile.SoundFile, spans: list[Span], wanted: int, mix: Mix) -> Float32[np.ndarray, "time 1"]:
    """All parts, minute by minute."""
    array, filled = np.empty((sum(stop - start for start, stop in spans), 1), np.float32), 0
    for first, last in spans:
        for start in range(first, last, BLOCK_SECONDS * wanted):
            block = _block(sound, (start, min(start + BLOCK_SECONDS * wanted, last)), wanted, mix)
            array[filled : filled + len(block)] = block
            filled += len(block)
    return array


def _block(sound: soundfile.SoundFile, span: Span, wanted: int, mix: Mix) -> Float32[np.ndarray, "time 1"]:
    """What resampling the whole file would give at `span`: the filter sees its neighbours too."""
    old, new = _ratio(sound.samplerate, wanted)
    reach = -(-_reach(old, new) // old) if old != new else 0  # in periods of `old` amplitudes, which become `new`
    first, last = max(0, span[0] // new - reach), -(-span[1] // new) + reach + (reach > 0)
    stop = min(last * old, sound.frames)
    sound.seek(first * old)
    array = sound.read(stop - first * old, dtype="float32", always_2d=True)
    if len(array) < stop - first * old:
        raise _truncated(f"{first * old + len(array)} frames", f"{sound.frames}")
    return to_rate(mix(array), sound.samplerate, wanted)[span[0] - first * new : span[1] - first * new]


def _ratio(rate: int, wanted: int) -> tuple[int, int]:
    divisor = math.gcd(rate, wanted)
    return rate // divisor, wanted // divisor


def _reach(old: int, new: int) -> int:
    """Amplitudes that torchaudio's filter sees on each side."""
    return math.ceil(FILTER_ZEROS * old / (min(old, new) * ROLLOFF))


def _check_riff_size(stream: BufferedReader | BytesIO) -> None:
    """Find cut WAV files, which libsndfile would open as shorter sounds without a word."""
    head, size = stream.read(8), stream.seek(0, 2)
    stream.seek(0)
    promised = int.from_bytes(head[4:8], "little")
    if head.startswith(b"RIFF") and promised not in STREAMED and promised + 8 > size + 1:  # + 1: a pad byte
        raise _truncated(f"{size} bytes", f"{promised + 8}")


def _truncated(got: str, expected: str) -> SampleError:
    return SampleError.explain(
        "truncated sound file", got=got, expected=f"{expected}, as its header says", fix="copy the file again"
    )

"""Mel filter banks and frame arithmetic; called by `front_ends` and `transform`.

[1] HTK's mel scale: 2595 log10(1 + f / 700). [2] M. Slaney, 1998, Auditory Toolbox, as librosa has it: linear below
1 kHz, 66.7 Hz a step; logarithmic above, 27 steps from 1 to 6.4 kHz.
"""

import math
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64
from torchaudio.transforms import MelSpectrogram

WINDOW_SECONDS = 0.025
HOP_SECONDS = 0.010
_SLANEY_STEP_HZ, _SLANEY_KNEE_HZ, _SLANEY_LOG_STEP = 200 / 3, 1000.0, math.log(6.4) / 27

Scale = Literal["htk", "slaney"]


@cache
def mel_bank(rate_hz: int, num_mels: int, fft_size: int, **options: Any) -> MelSpectrogram:
    """A bank of torchaudio; it takes 100 times longer to build than to apply and holds no state: one per option set."""
    return MelSpectrogram(sample_rate=rate_hz, n_fft=fft_size, hop_length=mel_hop(rate_hz), n_mels=num_mels, **options)


@cache
def exact_mel_bank(
    rate_hz: int, num_mels: int, fft_size: int, *, highest_hz: float, scale: Scale, dtype: torch.dtype
) -> MelSpectrogram:
    """The same from 0 Hz, window and triangles in double precision: in single, quiet cells are 1e-3 decibels off."""
    bank = mel_bank.__wrapped__(rate_hz, num_mels, fft_size, f_max=highest_hz, mel_scale=scale)
    triangles = mel_triangles(rate_hz, num_mels, fft_size, highest_hz=highest_hz, scale=scale)
    bank.mel_scale.fb = torch.from_numpy(triangles)
    bank.spectrogram.window = torch.hann_window(fft_size, dtype=torch.float64)
    return bank.to(dtype)


def mel_triangles(
    rate_hz: int, num_mels: int, fft_size: int, *, highest_hz: float, scale: Scale
) -> Float64[np.ndarray, "bin band"]:
    """Weights of the bins in each band; with `slaney` every triangle has the area 1, else the height 1."""
    bins = np.linspace(0, rate_hz / 2, fft_size // 2 + 1)[:, None]
    if scale == "htk":
        edges = 700 * (10 ** (np.linspace(0, 2595 * math.log10(1 + highest_hz / 700), num_mels + 2) / 2595) - 1)
    else:
        edges = _from_slaney(np.linspace(0, _to_slaney(highest_hz), num_mels + 2))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(min=0)
    return triangles if scale == "htk" else triangles * 2 / (high - low)


def _to_slaney(hertz: float) -> float:
    if hertz < _SLANEY_KNEE_HZ:
        return hertz / _SLANEY_STEP_HZ
    return _SLANEY_KNEE_HZ / _SLANEY_STEP_HZ + math.log(hertz / _SLANEY_KNEE_HZ) / _SLANEY_LOG_STEP


def _from_slaney(mel: Float64[np.ndarray, " edge"]) -> Float64[np.ndarray, " edge"]:
    knee = _SLANEY_KNEE_HZ / _SLANEY_STEP_HZ
    above = _SLANEY_KNEE_HZ * np.exp(_SLANEY_LOG_STEP * (mel - knee))
    return np.where(mel < knee, mel * _SLANEY_STEP_HZ, above)


def mel_hop(rate_hz: int) -> int:
    """Amplitudes from frame to frame of the centred banks."""
    return round(HOP_SECONDS * rate_hz)


def fft_size(window: int, num_mels: int) -> int:
    """The next power of two, doubled for fine banks: else the lowest mel bands fall between two bins."""
    size = 2 ** (window - 1).bit_length()
    return size if num_mels <= 64 else 2 * size


def kaldi_frames(length: int, rate_hz: int) -> int:
    """How many frames Kaldi cuts from so many amplitudes: none hangs over an edge."""
    return max(0, 1 + (length - kaldi_span(1, rate_hz)) // kaldi_hop(rate_hz))


def kaldi_span(frames: int, rate_hz: int) -> int:
    """Amplitudes under so many of Kaldi's frames of 25 ms."""
    return (frames - 1) * kaldi_hop(rate_hz) + rate_hz * 25 // 1000


def kaldi_hop(rate_hz: int) -> int:
    """Amplitudes from frame to frame, 10 ms."""
    return rate_hz // 100

"""The mel pictures that CLAP hears, without dice. Floor: hub; for `inputs`.

transformers' `ClapFeatureExtractor`, as LAION's own code, takes random stretches of a sound longer than
`max_length_s`, and calls one random sound of a batch long where none is. A hub's vector must be a function of its
sample, so here a stretch begins at the first place of those it may begin at (the middle where there is one range of
places), and a sound is long if it is.
Frames that no stretch holds are never computed: an hour costs what 40 seconds do.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

_FLOOR = 1e-10  # of mel energy before the logarithm: -100 dB, as in the extractor


class ClapMels:
    """Waveform -> `input_features` and `is_longer`, with the settings of an extractor.

    Args:
        extractor: a `ClapFeatureExtractor`. With `truncation: fusion` a sound becomes four pictures, the whole
            shrunk to `max_length_s` and three stretches; with `rand_trunc` one, of its middle.
    """

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor
        self._fused = extractor.truncation == "fusion"
        self._longest = extractor.nb_max_samples
        self._window = np.hanning(extractor.fft_window_size + 1)[:-1]  # periodic
        self._filters = extractor.mel_filters if self._fused else extractor.mel_filters_slaney

    def __call__(self, waveform: Float32[np.ndarray, " time"]) -> dict[str, Tensor]:
        """Prepare one sound."""
        frames = self._longest // self._extractor.hop_length + 1
        total = len(waveform) // self._extractor.hop_length + 1
        is_longer = len(waveform) > self._longest
        if is_longer and not self._fused:
            start = (len(waveform) - self._longest) // 2
            waveform, total = waveform[start : start + self._longest], frames
        waveform = self._lengthened(waveform) if len(waveform) < self._longest else waveform
        if is_longer and self._fused and total > frames:
            mels = self._fusion(waveform, total, frames)
        else:
            mel = self._mel(waveform, np.arange(frames))
            mels = np.stack([mel] * (4 if self._fused else 1))
            is_longer = is_longer and not self._fused
        return {"input_features": torch.from_numpy(mels)[None], "is_longer": torch.tensor([[is_longer]])}

    def _lengthened(self, waveform: Float32[np.ndarray, " time"]) -> Float32[np.ndarray, " longest"]:
        """Repeat a short sound as the extractor's `padding` says, and fill up with silence."""
        fitting = self._longest // len(waveform)
        if self._extractor.padding == "repeat":
            waveform = np.tile(waveform, fitting + 1)[: self._longest]
        elif self._extractor.padding == "repeatpad":
            waveform = np.tile(waveform, fitting)
        return np.pad(waveform, (0, self._longest - len(waveform)))

    def _fusion(
        self, waveform: Float32[np.ndarray, " time"], total: int, frames: int
    ) -> Float32[np.ndarray, "4 {frames} mel"]:
        """The whole, shrunk linearly to `frames`, and three stretches, from the first of each third of the places."""
        thirds = np.array_split(np.arange(total - frames + 1), 3)
        starts = [int(third[0]) if len(third) else 0 for third in thirds]
        position = np.clip((np.arange(frames) + 0.5) * total / frames - 0.5, 0, total - 1)
        before = position.astype(np.int64)
        after = np.minimum(before + 1, total - 1)
        share = (position - before).astype(np.float32)[:, None]
        whole = (1 - share) * self._mel(waveform, before) + share * self._mel(waveform, after)
        return np.stack([whole, *(self._mel(waveform, start + np.arange(frames)) for start in starts)])

    def _mel(
        self, waveform: Float32[np.ndarray, " time"], frames: Int[np.ndarray, " frame"]
    ) -> Float32[np.ndarray, "frame mel"]:
        """Some frames of the sound's log-mel picture, in dB; the sound is mirrored at both ends."""
        size = self._extractor.fft_window_size
        places = frames[:, None] * self._extractor.hop_length + np.arange(size) - size // 2
        last = len(waveform) - 1
        places = last - np.abs(last - np.abs(places))
        spectrum = np.abs(np.fft.rfft(waveform[places].astype(np.float64) * self._window)) ** 2
        return (10 * np.log10(np.maximum(spectrum @ self._filters, _FLOOR))).astype(np.float32)

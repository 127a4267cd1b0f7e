"""Prepares a sound for an audio tower: a log-mel picture, and batches of them; called by `Audio`."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

# [1] Y. Gong et al., 2021, AST: Audio Spectrogram Transformer, arXiv:2104.01778, sec. 2; ImageBind uses the same.
WINDOW_SECONDS = 0.025
HOP_SECONDS = 0.010
LOWEST_HZ = 20.0  # the edge of hearing; kaldi's default
# [2] AudioSet statistics of the log-mel bank in [1], egs/audioset/run.sh. Fixed, not per clip: loudness stays visible.
MEL_MEAN = -4.2677
MEL_STD = 4.5690
FLOOR = (
    1.19e-7  # [3] single-precision epsilon, kaldi's floor before the logarithm; silence becomes (ln FLOOR - mean) / std
)


def to_log_mel(
    sample: Float32[np.ndarray, "time 1"], *, rate_hz: int, num_samples: int, num_mels: int, pad: bool = True
) -> Float[Tensor, "1 {num_mels} frame"]:
    """Bring the sound to `num_samples` (centre, or silence at the end) and take its normalised log-mel picture.

    Without `pad` a shorter sound keeps its length, but for one analysis window that it must fill.
    """
    bank = _mel_bank(rate_hz, num_mels)
    shortest = num_samples if pad else min(bank.n_fft, num_samples)
    waveform = _fit(torch.from_numpy(sample[:, 0].copy()), min(max(len(sample), shortest), num_samples))
    mel = bank(waveform)
    return ((mel + FLOOR).log() - MEL_MEAN)[None] / MEL_STD


def pad_batch(mels: list[Tensor]) -> dict[str, Tensor]:
    """Pad to the longest: `mel` (sound, 1, band, frame) and `frames` int64 (sound,), how many are no padding."""
    frames = torch.tensor([mel.shape[-1] for mel in mels])
    longest = int(frames.max())
    padded = [torch.nn.functional.pad(mel, (0, longest - mel.shape[-1])) for mel in mels]
    return {"mel": torch.stack(padded), "frames": frames}


def _fit(waveform: Float[Tensor, " time"], num_samples: int) -> Float[Tensor, " {num_samples}"]:
    surplus = len(waveform) - num_samples
    if surplus > 0:
        return waveform[surplus // 2 : surplus // 2 + num_samples]
    return torch.nn.functional.pad(waveform, (0, -surplus))


@cache
def _mel_bank(rate_hz: int, num_mels: int) -> MelSpectrogram:
    """Filter banks take 100 times longer to build than to apply; they hold no state, so one per option set."""
    window = round(WINDOW_SECONDS * rate_hz)
    return MelSpectrogram(
        sample_rate=rate_hz,
        n_fft=_fft_size(window, num_mels),
        win_length=window,
        hop_length=round(HOP_SECONDS * rate_hz),
        f_min=LOWEST_HZ,
        n_mels=num_mels,
    )


def _fft_size(window: int, num_mels: int) -> int:
    """The next power of two, doubled for fine banks: else the lowest mel bands fall between two bins."""
    size = 2 ** (window - 1).bit_length()
    return size if num_mels <= 64 else 2 * size

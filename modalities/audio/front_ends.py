"""Published ways to turn a waveform into a log-mel picture, with their constants; called by `transform`.

A front end fixes the filter bank, the logarithm, how a short sound is filled up and how the picture is normalised;
its rate, seconds, mel rows and view are what `Audio` takes unless an option says otherwise.

[1] Y. Gong et al., 2021, AST: Audio Spectrogram Transformer, arXiv:2104.01778, sec. 2 and egs/audioset/run.sh.
[2] R. Girdhar et al., 2023, ImageBind, arXiv:2305.05665, app. B; facebookresearch/ImageBind imagebind/data.py.
[3] B. Zhu et al., 2024, LanguageBind, arXiv:2310.01852; PKU-YuanGroup/LanguageBind audio/processing_audio.py, and
    the `vision_config` of its release LanguageBind_Audio_FT (112 rows, deviation 4.5689974; the paper trained on 126).
[4] Y. Wu et al., 2023, Large-scale contrastive language-audio pretraining, arXiv:2211.06687, sec. 3;
    transformers `ClapFeatureExtractor`. LAION's own code starts the bank at 50 Hz, its port to transformers at 0.
[5] A. Radford et al., 2022, Whisper, arXiv:2212.04356, sec. 2.2; openai/whisper whisper/audio.py.
[6] A. Baevski et al., 2020, wav2vec 2.0, arXiv:2006.11477, sec. 2; transformers `Wav2Vec2FeatureExtractor`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.compliance import kaldi

from modalities.audio.mel import (
    HOP_SECONDS,
    WINDOW_SECONDS,
    Scale,
    exact_mel_bank,
    fft_size,
    kaldi_frames,
    mel_bank,
)

View = Literal["clip", "clips", "whole", "thirds", "fusion"]

LOWEST_HZ = 20.0  # the edge of hearing; kaldi's default
MEL_MEAN, MEL_STD = -4.2677393, 4.5689974  # [1] of AudioSet, natural logarithm; fixed, so loudness stays visible
IMAGEBIND_MEAN, IMAGEBIND_STD = -4.268, 9.138  # [2] AST's, the deviation doubled, as AST itself divides by 2 std
FLOOR = 1.19e-7  # kaldi's floor before the logarithm: single-precision epsilon
CLAP_FFT, CLAP_HIGHEST_HZ = 1024, 14_000.0  # [4]
POWER_FLOOR = 1e-10  # [4], [5]
WAVEFORM_EPSILON = 1e-7  # [6]
WHISPER_RANGE = 8.0  # [5] powers of ten below the loudest cell that are kept

LN_PER_DB = math.log(10) / 10
LogMel = Callable[[Tensor, int, int], Tensor]  # waveform (time,), rate_hz, num_mels -> (band, frame)


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """One row of the table below.

    Attributes:
        rate_hz: sampling rate it was made for.
        seconds: length of one picture.
        num_mels: rows of one picture.
        log_mel: waveform -> picture, not normalised.
        per_db: what one decibel of gain adds to a cell of that picture.
        mean: subtracted from every cell.
        std: every cell is divided by it.
        centred: hidden cells are 0, the mean; else they get the picture's own mean.
        zero_mean: the mean of what is looked at, a clip or the whole sound, is subtracted from it first.
        shortfall: a short sound gets `silence` at its end, is `repeat`ed whole times before that, or is left so, and
            its `picture` gets zero frames.
        frames: of pictures of `seconds` that are filled with zeros, or cut, before they are normalised.
        count_frames: (amplitudes, rate_hz) -> frames of such a picture, where it has other seconds or another rate.
        view_policy: how it looks at long sounds.
        views: the views it can take.
    """

    rate_hz: int = 16_000
    seconds: float
    num_mels: int
    log_mel: LogMel
    per_db: float = LN_PER_DB
    mean: float = 0.0
    std: float = 1.0
    centred: bool = True
    zero_mean: bool = False
    shortfall: Literal["silence", "repeat", "picture"] = "silence"
    frames: int | None = None
    count_frames: Callable[[int, int], int] = kaldi_frames
    view_policy: View = "clip"
    views: tuple[View, ...] = ("clip", "clips", "whole")

    @property
    def num_samples(self) -> int:
        """Amplitudes in `seconds`."""
        return round(self.seconds * self.rate_hz)


def natural_log_mel(waveform: Tensor, rate_hz: int, num_mels: int) -> Float[Tensor, "band frame"]:
    """Centred frames, no pre-emphasis, HTK triangles from 20 Hz, natural logarithm."""
    window = round(WINDOW_SECONDS * rate_hz)
    size = fft_size(window, num_mels)
    return (mel_bank(rate_hz, num_mels, size, win_length=window, f_min=LOWEST_HZ)(waveform) + FLOOR).log()


def kaldi_log_mel(waveform: Tensor, rate_hz: int, num_mels: int) -> Float[Tensor, "band frame"]:
    """Kaldi's bank with a Hann window and no dither, as [1], [2] and [3] call it."""
    return kaldi.fbank(
        waveform[None],
        htk_compat=True,
        sample_frequency=float(rate_hz),
        window_type="hanning",
        num_mel_bins=num_mels,
        dither=0.0,
        frame_length=1000 * WINDOW_SECONDS,
        frame_shift=1000 * HOP_SECONDS,
    ).T


def clap_log_mel(waveform: Tensor, rate_hz: int, num_mels: int, *, scale: Scale) -> Float[Tensor, "band frame"]:
    """Decibels of power, centred frames [4]; in double precision, as they are not scaled down afterwards."""
    highest = min(CLAP_HIGHEST_HZ, rate_hz / 2)
    bank = exact_mel_bank(rate_hz, num_mels, CLAP_FFT, highest_hz=highest, scale=scale, dtype=torch.float64)
    return (10 * bank(waveform.double()).clamp(min=POWER_FLOOR).log10()).float()


def whisper_log_mel(waveform: Tensor, rate_hz: int, num_mels: int) -> Float[Tensor, "band frame"]:
    """Decimal logarithm, at most eight powers below the loudest cell; the last frame is dropped [5]."""
    size = round(WINDOW_SECONDS * rate_hz)
    bank = exact_mel_bank(rate_hz, num_mels, size, highest_hz=rate_hz / 2, scale="slaney", dtype=torch.float32)
    mel = bank(waveform)[:, :-1].clamp(min=POWER_FLOOR).log10()
    return mel.clamp(min=float(mel.max()) - WHISPER_RANGE)


def unit_waveform(waveform: Tensor, rate_hz: int, num_mels: int) -> Float[Tensor, "1 time"]:
    """No picture: the amplitudes themselves in one row, with mean 0 and deviation 1 [6]."""
    del rate_hz, num_mels
    centred = waveform - waveform.mean()
    return (centred / (centred.square().mean() + WAVEFORM_EPSILON).sqrt())[None]


def _count_amplitudes(length: int, rate_hz: int) -> int:
    del rate_hz
    return length


_KALDI = partial(FrontEnd, log_mel=kaldi_log_mel, shortfall="picture")
_KALDI_VIEWS: tuple[View, ...] = ("clip", "clips", "whole", "thirds")
_CLAP = partial(FrontEnd, rate_hz=48_000, seconds=10.0, num_mels=64, per_db=1.0, centred=False, shortfall="repeat")
_SLANEY, _HTK = partial(clap_log_mel, scale="slaney"), partial(clap_log_mel, scale="htk")

FRONT_ENDS: dict[str, FrontEnd] = {
    "binder": FrontEnd(seconds=1.0, num_mels=64, log_mel=natural_log_mel, mean=MEL_MEAN, std=MEL_STD),
    "ast": _KALDI(seconds=10.255, num_mels=128, frames=1024, mean=MEL_MEAN, std=2 * MEL_STD, views=_KALDI_VIEWS),
    "imagebind": _KALDI(
        seconds=2.0,
        num_mels=128,
        frames=204,
        mean=IMAGEBIND_MEAN,
        std=IMAGEBIND_STD,
        zero_mean=True,
        view_policy="clips",
        views=_KALDI_VIEWS,
    ),
    "languagebind": _KALDI(
        seconds=10.36,
        num_mels=112,
        frames=1036,
        mean=MEL_MEAN,
        std=MEL_STD,
        zero_mean=True,
        shortfall="repeat",
        view_policy="thirds",
        views=_KALDI_VIEWS,
    ),
    "clap": _CLAP(log_mel=_SLANEY),
    "clap_fused": _CLAP(log_mel=_HTK, view_policy="fusion", views=("clip", "clips", "whole", "fusion")),
    # (x + 4) / 4, as [5] scales it
    "whisper": FrontEnd(seconds=30.0, num_mels=80, log_mel=whisper_log_mel, per_db=0.1, mean=-4.0, std=4.0),
    # loudness is normalised away: gain changes nothing
    "waveform": FrontEnd(
        seconds=10.0,
        num_mels=1,
        frames=160_000,
        count_frames=_count_amplitudes,
        log_mel=unit_waveform,
        per_db=0.0,
        shortfall="picture",
    ),
}

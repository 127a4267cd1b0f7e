"""Varies log-mel pictures in training; called by `Audio.augment`."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from modalities.audio.front_ends import FrontEnd


def vary_mel(
    mel: Float[Tensor, "*part band frame"],
    generator: Generator,
    *,
    front_end: FrontEnd,
    gain_db: float,
    shift: float,
    time_mask: float,
    mel_mask: float,
) -> Float[Tensor, "*part band frame"]:
    """Change loudness, shift in time, hide one stretch of time and one band (SpecAugment [1]).

    All pictures of one sound vary alike.

    [1] D. Park et al., 2019, SpecAugment, arXiv:1904.08779: masks of the mean value.

    Args:
        mel: as `Pictures.view` returns it.
        generator: the only source of chance.
        front_end: whose picture it is.
        gain_db: the largest change of loudness.
        shift: the largest circular shift, as a share of the frames.
        time_mask: the longest hidden stretch, as a share of the frames.
        mel_mask: the widest hidden band, as a share of the bands.
    """
    loud, late, *spans = torch.rand(6, generator=generator).tolist()
    bands, frames = mel.shape[-2:]
    varied = mel + (2 * loud - 1) * gain_db * front_end.per_db / front_end.std
    varied = varied.roll(round((2 * late - 1) * shift * frames), dims=-1)
    hidden = 0.0 if front_end.centred else float(varied.mean())
    start, stop = _span(frames, time_mask, spans[0], spans[1])
    varied[..., start:stop] = hidden
    start, stop = _span(bands, mel_mask, spans[2], spans[3])
    varied[..., start:stop, :] = hidden
    return varied


def _span(size: int, largest: float, length: float, place: float) -> tuple[int, int]:
    """Turn two uniform numbers into a stretch of at most `largest * size`, anywhere within `size`."""
    extent = round(largest * size * length)
    start = round((size - extent) * place)
    return start, start + extent

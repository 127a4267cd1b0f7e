"""Prepares a sound for an audio tower: log-mel pictures of what a view looks at, and batches; called by `Audio`."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from modalities.audio.front_ends import FrontEnd, View
from modalities.audio.mel import WINDOW_SECONDS, fft_size, kaldi_frames, kaldi_hop, kaldi_span, mel_hop
from modalities.audio.windows import Span, centre, covering, thirds, uniform

FRAMES_AT_ONCE = 6_000  # one minute: the transforms of a whole hour would take gigabytes
MARGIN_FRAMES = 4  # more than half a window on each side, so that blocks join without a seam


class Pictures:
    """Turns sounds into the normalised pictures of one front end.

    Args:
        front_end: the row of the table.
        rate_hz: of the sounds.
        num_mels: rows of a picture.
        num_samples: amplitudes that one picture shows.
        pad: fill short sounds up; without, they keep their length, but for one analysis window.
    """

    def __init__(self, front_end: FrontEnd, *, rate_hz: int, num_mels: int, num_samples: int, pad: bool = True) -> None:
        self.front_end = front_end
        self.rate_hz, self.num_mels, self.num_samples, self.pad = rate_hz, num_mels, num_samples, pad
        self.frames = front_end.frames
        if front_end.frames is not None and (rate_hz, num_samples) != (front_end.rate_hz, front_end.num_samples):
            self.frames = front_end.count_frames(num_samples, rate_hz)

    def view(self, sample: Float32[np.ndarray, "time 1"], view: View, num_clips: int) -> Float[Tensor, "..."]:
        """What the tower sees of a sound.

        Returns:
            (1, band, frame) for `clip`; (clip, 1, band, frame) for `clips` and `whole`; (3, band, frame) for
            `thirds`; (4, band, frame) for `fusion`, the first picture being the whole sound.
        """
        sound = torch.from_numpy(np.ascontiguousarray(sample[:, 0]))
        if view == "thirds":
            return self._thirds(sound)
        if view == "fusion":
            return self._fusion(sound)
        spans = {
            "clip": [centre(len(sound), self.num_samples)],
            "clips": uniform(len(sound), self.num_samples, num_clips),
            "whole": covering(len(sound), self.num_samples),
        }[view]
        pictures = torch.stack([self.of(_cut(sound, span))[None] for span in spans])
        return pictures[0] if view == "clip" else pictures

    def of(self, sound: Float[Tensor, " time"]) -> Float[Tensor, "band frame"]:
        """The picture of a sound of at most `num_samples`."""
        return self._normalise(self._raw(self._centre(self._fill(sound))))

    def _raw(self, sound: Float[Tensor, " time"]) -> Float[Tensor, "band frame"]:
        return self.front_end.log_mel(sound, self.rate_hz, self.num_mels)

    def _centre(self, sound: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        return sound - sound.mean() if self.front_end.zero_mean else sound

    def _fill(self, sound: Float[Tensor, " time"]) -> Float[Tensor, " filled"]:
        """Bring a short sound up to the length that the front end wants before its filter bank."""
        if self.pad and self.front_end.shortfall == "repeat":
            sound = sound.repeat(max(1, self.num_samples // len(sound)))
        if not self.pad:
            window = fft_size(round(WINDOW_SECONDS * self.rate_hz), self.num_mels)
            return _pad_to(sound, min(self.num_samples, window))
        return _pad_to(
            sound, kaldi_span(1, self.rate_hz) if self.front_end.shortfall == "picture" else self.num_samples
        )

    def _normalise(self, picture: Float[Tensor, "band frame"]) -> Float[Tensor, "band out"]:
        if self.frames is not None:
            picture = _pad_to(picture[:, : self.frames], self.frames)
        return (picture - self.front_end.mean) / self.front_end.std

    def _thirds(self, sound: Float[Tensor, " time"]) -> Float[Tensor, "3 band frame"]:
        """Three stretches as three channels; a sound that fits one picture three times."""
        assert self.frames is not None, "only Kaldi's front ends have this view"
        total, hop = kaldi_frames(len(sound), self.rate_hz), kaldi_hop(self.rate_hz)
        if len(sound) <= self.num_samples or total < self.frames:
            return self.of(sound)[None].repeat(3, 1, 1)
        span, sound = kaldi_span(self.frames, self.rate_hz), self._centre(sound)
        stretches = [sound[hop * start : hop * start + span] for start, _ in thirds(total, self.frames)]
        return torch.stack([self._normalise(self._raw(stretch)) for stretch in stretches])

    def _fusion(self, sound: Float[Tensor, " time"]) -> Float[Tensor, "4 band frame"]:
        """The whole sound, shrunk, and three stretches of its picture; a sound that fits one picture four times."""
        hop = mel_hop(self.rate_hz)
        frames = self.num_samples // hop + 1
        if len(sound) // hop + 1 <= frames:
            return self.of(sound)[None].repeat(4, 1, 1)
        whole = self._normalise(_by_blocks(self._raw, sound, hop))
        size = (self.num_mels, frames)
        shrunk = torch.nn.functional.interpolate(whole[None, None], size=size, mode="bilinear")[0]
        return torch.stack([shrunk[0], *(whole[:, start:stop] for start, stop in thirds(whole.shape[1], frames))])


def pad_batch(mels: list[Tensor]) -> dict[str, Tensor]:
    """Pad to the longest: `mel` (sound, 1, band, frame) and `frames` int64 (sound,), how many are no padding."""
    frames = torch.tensor([mel.shape[-1] for mel in mels])
    longest = int(frames.max())
    padded = [torch.nn.functional.pad(mel, (0, longest - mel.shape[-1])) for mel in mels]
    return {"mel": torch.stack(padded), "frames": frames}


def _by_blocks(
    log_mel: Callable[[Tensor], Tensor], sound: Float[Tensor, " time"], hop: int
) -> Float[Tensor, "band frame"]:
    """`log_mel` of a long sound, whose frames are centred on every `hop`, minute by minute."""
    total, pictures = len(sound) // hop + 1, []
    for first in range(0, total, FRAMES_AT_ONCE):
        last, left = min(first + FRAMES_AT_ONCE, total), max(0, first - MARGIN_FRAMES)
        stop = len(sound) if last == total else (last + MARGIN_FRAMES) * hop
        pictures.append(log_mel(sound[left * hop : stop])[:, first - left : last - left])
    return torch.cat(pictures, dim=-1)


def _cut(sound: Float[Tensor, " time"], span: Span) -> Float[Tensor, " part"]:
    return sound[span[0] : span[1]]


def _pad_to(tensor: Float[Tensor, "*lead time"], length: int) -> Float[Tensor, "*lead longer"]:
    return torch.nn.functional.pad(tensor, (0, max(0, length - tensor.shape[-1])))

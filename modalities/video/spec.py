"""The video modality: its options, its contract, and which function does what."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from torch import Generator, Tensor, nn

from binder.display import Film
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.options import check_choices, check_ranges
from modalities.video import augment, encoder, read, sampling, show, transform


@dataclass(frozen=True, kw_only=True)
class Video(ModalitySpec):
    """Moving pictures in RGB, seen by the tower as a few frames.

    Attributes:
        num_frames: frames of a clip.
        view_policy: "uniform" spreads them over the whole video; "centre" takes them `stride_seconds` apart around its
            middle; "clips" takes `num_clips` such stretches, whose vectors are averaged.
        num_clips: for `view_policy: clips`.
        stride_seconds: time from frame to frame, for "centre" and "clips".
        rate_hz: frames per second of arrays; files have the time of every frame.
        size: side of the square that the tower sees, in pixels.
        normalise: constants of the channels: "clip", "imagenet" or "half" (-1 to 1).
        smallest_crop: in training, the smallest side of the random crop, as a share of the side; 1 for none.
        brightness: in training, the largest relative change of brightness; 0 for none.
        flip: in training, mirror every second video; off, because captions may say left and right.
    """

    name: ClassVar[str] = "video"

    num_frames: int = 8
    view_policy: sampling.View = "uniform"
    num_clips: int = 3
    stride_seconds: float = 0.25
    rate_hz: float = 25.0
    size: int = 64
    normalise: str = "clip"
    smallest_crop: float = 0.7
    brightness: float = 0.2
    flip: bool = False

    def __post_init__(self) -> None:
        check_choices(self, view_policy=get_args(sampling.View), normalise=transform.NORMALISATIONS)
        check_ranges(self, num_frames=">= 1", num_clips=">= 1", stride_seconds="> 0", rate_hz="> 0")
        check_ranges(self, size=">= 8", smallest_crop="> 0, <= 1", brightness=">= 0, < 1")

    @property
    def in_parts(self) -> bool:
        return self.view_policy == "clips"

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="time height width channel",
            unit="sRGB level",
            value_range=(0.0, 255.0),
            channels=("red", "green", "blue"),
            length=LengthPolicy(kind="stretch", length=self._num_seen),
        )

    @property
    def _num_seen(self) -> int:
        return self.num_frames * (self.num_clips if self.in_parts else 1)

    def read(self, source: Source) -> np.ndarray:
        wanted = partial(
            sampling.wanted_times,
            view=self.view_policy,
            num_frames=self.num_frames,
            num_clips=self.num_clips,
            stride_seconds=self.stride_seconds,
        )
        return read.read_video(source, rate_hz=self.rate_hz, wanted=wanted)

    def transform(self, sample: np.ndarray) -> Tensor:
        frames = transform.to_frames(sample, size=self.size, normalise=self.normalise)
        return torch.stack(frames.chunk(self.num_clips, dim=1)) if self.in_parts else frames

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        return augment.vary_video(
            tensor,
            generator,
            smallest_crop=self.smallest_crop,
            brightness=self.brightness,
            flip=self.flip,
        )

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.build_encoder(num_frames=self.num_frames, in_parts=self.in_parts, **options)

    def show(self, sample: np.ndarray) -> Film:
        return show.show_video(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_video(seed, num_frames=self._num_seen)

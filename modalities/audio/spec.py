"""The audio modality: its options, its contract, and which function does what."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from torch import Generator, Tensor, nn

from binder.display import Sound
from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.towers.parts import pad_parts
from binder.types import Batch, InputContract, LengthPolicy, Source
from modalities.audio import augment, encoder, front_ends, mel, read, show, transform, windows
from modalities.options import check_choices, check_ranges

Mono = Literal["mix", "first", "refuse"]
Length = Literal["crop_or_pad", "exact", "any"]
OWN: Any = None  # what the front end was made for; replaced by its value


@dataclass(frozen=True, kw_only=True)
class Audio(ModalitySpec):
    """Sound as one channel of amplitudes, seen by the tower as a log-mel picture.

    Attributes:
        front_end: how a waveform becomes a picture: "binder", "ast", "imagebind", "languagebind", "clap",
            "clap_fused", "whisper"; or "waveform", the amplitudes themselves in one row, for encoders of transformers
            such as wav2vec2; it sets the next four where they are not given.
        rate_hz: sampling rate of every sample; another rate is an error unless `resample`.
        seconds: length of one picture; with `length: any` the longest.
        num_mels: rows of the mel picture.
        view_policy: what is seen of a longer sound: its centre ("clip"), `num_clips` clips whose vectors are averaged
            ("clips"), as many as cover it ("whole"), three stretches as channels of one picture ("thirds",
            LanguageBind), or these and the whole sound shrunk ("fusion", CLAP).
        num_clips: for `view_policy: clips`.
        resample: bring other rates to `rate_hz` (band-limited; costs about 1 ms per second of sound).
        mono: several channels are averaged ("mix"), reduced to the first ("first"), or an error ("refuse").
        length: "crop_or_pad" takes the centre or pads at the end; "exact" refuses other lengths;
            "any" keeps shorter sounds as they are, and padding within a batch changes no vector.
        max_amplitude: largest amplitude allowed; above 1 to let codec and resampler overshoot pass.
        gain_db: in training, the largest change of loudness; 0 where loudness carries meaning.
        shift: in training, the largest circular shift in time, as a share of the length.
        time_mask: in training, the longest stretch of time hidden, as a share of the length.
        mel_mask: in training, the widest band hidden, as a share of the mel rows.
    """

    name: ClassVar[str] = "audio"

    front_end: str = "binder"
    rate_hz: int = OWN
    seconds: float = OWN
    num_mels: int = OWN
    view_policy: front_ends.View = OWN
    num_clips: int = 3
    resample: bool = False
    mono: Mono = "mix"
    length: Length = "crop_or_pad"
    max_amplitude: float = 1.5
    gain_db: float = 6.0
    shift: float = 0.1
    time_mask: float = 0.2
    mel_mask: float = 0.15

    def __post_init__(self) -> None:
        check_choices(self, front_end=front_ends.FRONT_ENDS)
        for option in ("rate_hz", "seconds", "num_mels", "view_policy"):
            if getattr(self, option) is None:
                object.__setattr__(self, option, getattr(self._front_end, option))
        self._check_options()

    def _check_options(self) -> None:
        check_choices(self, mono=get_args(Mono), length=get_args(Length))
        if self.view_policy not in self._front_end.views:
            raise ConfigError.explain(
                f"option view_policy of audio with front_end: {self.front_end}",
                got=repr(self.view_policy),
                choices=self._front_end.views,
            )
        if self.length != "crop_or_pad" and self.view_policy != "clip":
            raise ConfigError.explain(
                f"option length of audio with view_policy: {self.view_policy}",
                got=repr(self.length),
                expected="crop_or_pad",
                fix="set view_policy: clip, or leave length out",
            )
        if self.length == "any" and self.front_end != "binder":
            raise ConfigError.explain(
                f"option length of audio with front_end: {self.front_end}, whose pictures have one width",
                got="any",
                fix="set front_end: binder, or leave length out",
            )
        if self._front_end.num_mels == 1:
            check_choices(self, num_mels=(1,))
        else:
            check_ranges(self, num_mels=">= 8")
        check_ranges(self, rate_hz=">= 1000", max_amplitude=">= 1", gain_db=">= 0", num_clips=">= 1")
        check_ranges(self, seconds=f">= {mel.WINDOW_SECONDS}")  # one analysis window
        check_ranges(self, **dict.fromkeys(("shift", "time_mask", "mel_mask"), ">= 0, < 1"))

    @property
    def _front_end(self) -> front_ends.FrontEnd:
        return front_ends.FRONT_ENDS[self.front_end]

    @property
    def num_samples(self) -> int:
        """Amplitudes in one picture; with `length: any`, at most."""
        return round(self.seconds * self.rate_hz)

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="time channel",
            unit="amplitude",
            value_range=(-self.max_amplitude, self.max_amplitude),
            channels=("mono",),
            rate_hz=float(self.rate_hz),
            length=LengthPolicy(kind=self.length, length=None if self.length == "any" else self.num_samples),
        )

    def read(self, source: Source) -> np.ndarray:
        return read.read_audio(
            source, rate_hz=self.rate_hz, resample=self.resample, mono=self.mono, needed=self._needed
        )

    def _needed(self, length: int) -> list[windows.Span]:
        """Which parts of a sound this view looks at, so that no more is decoded."""
        if self.length == "exact":
            read.check_length(length, self.num_samples, self.rate_hz)
        if self.view_policy in ("clip", "clips"):
            return windows.needed(length, self.num_samples, 1 if self.view_policy == "clip" else self.num_clips)
        return [(0, length)]

    def notes(self, sample: np.ndarray) -> list[str]:
        return read.remarks(sample)

    def transform(self, sample: np.ndarray) -> Tensor:
        pictures = transform.Pictures(
            self._front_end,
            rate_hz=self.rate_hz,
            num_mels=self.num_mels,
            num_samples=self.num_samples,
            pad=self.length != "any",
        )
        return pictures.view(sample, self.view_policy, self.num_clips)

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        return augment.vary_mel(
            tensor,
            generator,
            front_end=self._front_end,
            gain_db=self.gain_db,
            shift=self.shift,
            time_mask=self.time_mask,
            mel_mask=self.mel_mask,
        )

    def length_of(self, source: Source) -> int | None:
        length = read.measure(source, rate_hz=self.rate_hz)
        return length if self.view_policy == "whole" else min(length, self.num_samples)

    def collate(self, tensors: list[Tensor]) -> Batch:
        if self.length == "any":
            return transform.pad_batch(tensors)
        return pad_parts(tensors) if self.view_policy == "whole" else super().collate(tensors)

    @property
    def in_parts(self) -> bool:
        return self.view_policy in ("clips", "whole")

    def encoder(self, **options: Any) -> nn.Module:
        channels = {"thirds": 3, "fusion": 4}.get(self.view_policy, 1)
        return encoder.build_encoder(
            in_channels=channels, masked=self.length == "any", in_parts=self.in_parts, **options
        )

    def show(self, sample: np.ndarray) -> Sound:
        return show.show_sound(sample, rate_hz=self.rate_hz)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_sound(seed, num_samples=self.num_samples, rate_hz=self.rate_hz)

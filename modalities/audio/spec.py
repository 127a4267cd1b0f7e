"""The audio modality: its options, its contract, and which function does what."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from torch import Generator, Tensor, nn

from binder.modality import ModalitySpec
from binder.types import Batch, InputContract, LengthPolicy, Source
from modalities.audio import augment, encoder, read, show, transform

Mono = Literal["mix", "first", "refuse"]
Length = Literal["crop_or_pad", "exact", "any"]


@dataclass(frozen=True, kw_only=True)
class Audio(ModalitySpec):
    """Sound as one channel of amplitudes, seen by the tower as a log-mel picture.

    Attributes:
        rate_hz: sampling rate of every sample; another rate is an error unless `resample`.
        resample: bring other rates to `rate_hz` (band-limited; costs about 1 ms per second of sound).
        mono: several channels are averaged ("mix"), reduced to the first ("first"), or an error ("refuse").
        seconds: length that the tower sees; with `length: any` the longest.
        length: "crop_or_pad" takes the centre or pads with silence at the end; "exact" refuses other lengths;
            "any" keeps shorter sounds as they are, and padding within a batch changes no vector.
        num_mels: rows of the mel picture.
        max_amplitude: largest amplitude allowed; above 1 to let codec and resampler overshoot pass.
        gain_db: in training, the largest change of loudness; 0 where loudness carries meaning.
        shift: in training, the largest circular shift in time, as a share of the length.
        time_mask: in training, the longest stretch of time hidden, as a share of the length.
        mel_mask: in training, the widest band hidden, as a share of the mel rows.
    """

    name: ClassVar[str] = "audio"

    rate_hz: int = 16_000
    resample: bool = False
    mono: Mono = "mix"
    seconds: float = 1.0
    length: Length = "crop_or_pad"
    num_mels: int = 64
    max_amplitude: float = 1.5
    gain_db: float = 6.0
    shift: float = 0.1
    time_mask: float = 0.2
    mel_mask: float = 0.15

    def __post_init__(self) -> None:
        if self.mono not in get_args(Mono) or self.length not in get_args(Length):
            raise ValueError(f"expected mono in {get_args(Mono)} and length in {get_args(Length)}")
        if self.rate_hz < 1000 or self.num_mels < 8 or self.max_amplitude < 1 or self.gain_db < 0:
            raise ValueError("expected rate_hz >= 1000, num_mels >= 8, max_amplitude >= 1, gain_db >= 0")
        if self.seconds < transform.WINDOW_SECONDS:
            raise ValueError(f"expected seconds >= {transform.WINDOW_SECONDS}, one analysis window")
        if not all(0 <= share < 1 for share in (self.shift, self.time_mask, self.mel_mask)):
            raise ValueError("expected shift, time_mask and mel_mask in [0, 1)")

    @property
    def num_samples(self) -> int:
        """Amplitudes that the tower sees; with `length: any`, at most."""
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
        sample = read.read_audio(source, rate_hz=self.rate_hz, resample=self.resample, mono=self.mono)
        if self.length == "exact":
            read.check_length(sample, self.num_samples, self.rate_hz)
        return sample

    def transform(self, sample: np.ndarray) -> Tensor:
        return transform.to_log_mel(
            sample,
            rate_hz=self.rate_hz,
            num_samples=self.num_samples,
            num_mels=self.num_mels,
            pad=self.length != "any",
        )

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        return augment.vary_mel(
            tensor,
            generator,
            gain_db=self.gain_db,
            shift=self.shift,
            time_mask=self.time_mask,
            mel_mask=self.mel_mask,
        )

    def length_of(self, source: Source) -> int | None:
        return min(read.measure(source, rate_hz=self.rate_hz), self.num_samples)

    def collate(self, tensors: list[Tensor]) -> Batch:
        return transform.pad_batch(tensors) if self.length == "any" else super().collate(tensors)

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.build_encoder(masked=self.length == "any", **options)

    def show(self, sample: np.ndarray) -> np.ndarray:
        return show.draw_spectrogram(sample, rate_hz=self.rate_hz, num_mels=self.num_mels)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_sound(seed, num_samples=self.num_samples, rate_hz=self.rate_hz)

"""What becomes of samples before a model of transformers: one class per kind of sample. Floor: hub.

Each prepares one sample by the processor that was saved with the model, puts prepared ones into a batch, says
with which options of its modality samples fit, and describes itself for the fingerprint.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from binder.hub.clap import ClapMels
from binder.hub.describe import TruncationCounter, check_texts, describe_tokenizer, to_frames, to_pil, to_waveform
from binder.types import Sample

# Texts are padded to the full context where it is short: SigLIP was trained so and pools the last
# position, and for the others a vector then does not depend on the longest text of its batch.
_PAD_ALL_UP_TO = 128

_SECONDS = 30.0  # of a sound, where its extractor sets no limit of its own

# Settings of image, video and sound processors that change what they return.
_SETTINGS = ("do_", "size", "crop_size", "image_mean", "image_std", "resample", "rescale_", "pad_size")
_SETTINGS += ("include_top", "patch_size", "max_num_patches", "num_frames", "fps")
_SETTINGS += ("feature_size", "sampling_rate", "hop_length", "max_length_s", "fft_window_size", "padding")
_SETTINGS += ("frequency_m", "top_db", "truncation")


@runtime_checkable
class Inputs(Protocol):
    """Prepares samples of one modality.

    Attributes:
        reads: options of the modality, with which its samples fit.
    """

    reads: dict[str, Any]

    def describe(self) -> dict[str, Any]:
        """JSON description for the fingerprint."""
        ...

    def prepare(self, sample: Sample) -> Any:
        """All that happens to one sample alone."""
        ...

    def batch(self, prepared: Sequence[Any]) -> dict[str, Tensor]:
        """The model's inputs for prepared samples of equal shapes."""
        ...


class TextInputs:
    """Texts through the tokenizer, cut to the context.

    Args:
        hub: its name, for messages.
        tokenizer: of transformers.
        context_length: tokens that the model reads.
        lowercase: for models trained on lower case only, whose tokenizer may not see to it.
    """

    def __init__(self, hub: str, tokenizer: Any, context_length: int, *, lowercase: bool) -> None:
        self.reads: dict[str, Any] = {}
        self.truncation = TruncationCounter(hub, context_length)
        self._hub, self._tokenizer, self._length, self._lowercase = hub, tokenizer, context_length, lowercase

    def describe(self) -> dict[str, Any]:
        return describe_tokenizer(
            type(self._tokenizer).__name__,
            self._tokenizer.get_vocab(),
            lambda texts: self._tokenize(texts)["input_ids"],
            self._length,
        )

    def prepare(self, sample: Sample) -> str:
        (text,) = check_texts(self._hub, [sample])
        return text

    def batch(self, prepared: Sequence[str]) -> dict[str, Tensor]:
        whole = self._tokenizer(self._cased(prepared), verbose=False)["input_ids"]
        self.truncation.note([len(tokens) for tokens in whole])
        return self._tokenize(prepared)

    def _tokenize(self, texts: Sequence[str]) -> dict[str, Tensor]:
        padding = "max_length" if self._length <= _PAD_ALL_UP_TO else "longest"
        limits = {"padding": padding, "truncation": True, "max_length": self._length}
        return dict(self._tokenizer(self._cased(texts), **limits, return_tensors="pt"))

    def _cased(self, texts: Sequence[str]) -> list[str]:
        return [text.lower() for text in texts] if self._lowercase else list(texts)


class ProcessedInputs:
    """Images, sounds or videos through their processor, one at a time.

    Args:
        processor: of transformers.
        call: gives it one sample.
        reads: see `Inputs`.
    """

    def __init__(
        self, processor: Any, call: Callable[[Any, Sample], Any], *, reads: dict[str, Any] | None = None
    ) -> None:
        self.reads = reads or {}
        self._processor, self._call = processor, call

    def describe(self) -> dict[str, Any]:
        return processor_settings(self._processor)

    def prepare(self, sample: Sample) -> dict[str, Tensor]:
        return dict(self._call(self._processor, sample))

    def batch(self, prepared: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([one[name] for one in prepared]) for name in prepared[0]}


def processor_settings(processor: Any) -> dict[str, Any]:
    """What an image, sound or video processor of transformers does, as JSON."""
    settings = json.loads(processor.to_json_string())
    return {key: value for key, value in _without_none(settings).items() if key.startswith(_SETTINGS)}


def image_inputs(hub: str, processor: Any) -> Inputs:
    """RGB pictures through an image processor."""
    return ProcessedInputs(processor, lambda process, one: process([to_pil(hub, one)], return_tensors="pt"))


def audio_inputs(hub: str, extractor: Any) -> Inputs:
    """Mono sounds at the extractor's rate; other rates are resampled when they are read."""
    rate = extractor.sampling_rate

    def extract(process: Any, sample: Sample) -> Any:
        return process([to_waveform(hub, sample)], sampling_rate=rate, return_tensors="pt")

    mels = ClapMels(extractor) if type(extractor).__name__ == "ClapFeatureExtractor" else None
    call = extract if mels is None else lambda _, sample: mels(to_waveform(hub, sample))
    return ProcessedInputs(extractor, call, reads=sound_options(extractor))


def sound_options(extractor: Any) -> dict[str, Any]:
    """Options of the audio modality with which a sound fits an extractor: its rate, and as much as is listened to.

    CLAP with fusion hears something of the whole sound; without, the middle `max_length_s`. An extractor that sets
    no limit gets the middle `_SECONDS`: without one, an hour would go through the model at once.
    """
    if getattr(extractor, "truncation", None) == "fusion":
        return {"rate_hz": extractor.sampling_rate, "resample": True, "view_policy": "whole"}
    seconds = float(getattr(extractor, "max_length_s", _SECONDS))
    return {"rate_hz": extractor.sampling_rate, "resample": True, "view_policy": "clip", "seconds": seconds}


def video_inputs(hub: str, processor: Any) -> Inputs:
    """Frames through a video processor: which are read is the video modality's choice, how many the processor's."""

    def process(processor: Any, sample: Sample) -> Any:
        return processor([to_frames(hub, sample)], do_sample_frames=False, return_tensors="pt")

    num_frames = getattr(processor, "num_frames", None)
    return ProcessedInputs(processor, process, reads={} if num_frames is None else {"num_frames": num_frames})


def equal_shapes(prepared: Sequence[Any]) -> list[list[int]]:
    """Places of the prepared samples that can stand in one batch, in order of appearance.

    Padding sounds to the longest of their batch would let its other members change a vector: convolutions
    don't know where padding begins.
    """
    groups: dict[Any, list[int]] = {}
    for place, one in enumerate(prepared):
        shapes = None if isinstance(one, str) else tuple((name, tuple(one[name].shape)) for name in sorted(one))
        groups.setdefault(shapes, []).append(place)
    return list(groups.values())


def _without_none(value: Any) -> Any:
    """Settings without the class names and empty fields that vary between versions."""
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return value

"""The image modality: its options, its contract, and which function does what."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Generator, Tensor, nn

from binder.display import Picture
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.image import augment, encoder, read, show, transform
from modalities.options import check_ranges


@dataclass(frozen=True, kw_only=True)
class Image(ModalitySpec):
    """Photographs and video frames in RGB.

    Hubs that know images prepare the raw sample themselves; `size`, `transform` and `augment`
    serve image towers that are trained under another hub, such as a text hub.

    Attributes:
        size: side of the square that `transform` returns, in pixels.
        smallest_crop: in training, the smallest side of the random crop, as a share of the side; 1 for none.
        brightness: in training, the largest relative change of brightness; 0 for none.
        flip: in training, mirror every second image; off, because captions may say left and right.
    """

    name: ClassVar[str] = "image"

    size: int = 64
    smallest_crop: float = 0.7
    brightness: float = 0.2
    flip: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, size=">= 8", smallest_crop="> 0, <= 1", brightness=">= 0, < 1")

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="height width channel",
            unit="sRGB level",
            value_range=(0.0, 255.0),
            channels=("red", "green", "blue"),
            length=LengthPolicy(kind="any"),
        )

    def read(self, source: Source) -> np.ndarray:
        return read.read_image(source)

    def transform(self, sample: np.ndarray) -> Tensor:
        return transform.to_tensor(sample, size=self.size)

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        return augment.vary_image(
            tensor,
            generator,
            smallest_crop=self.smallest_crop,
            brightness=self.brightness,
            flip=self.flip,
        )

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.build_encoder(**options)

    def show(self, sample: np.ndarray) -> Picture:
        return show.show_image(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        return show.synthesise_image(seed)

"""The text modality: its options, its contract, and which function does what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator, Tensor, nn

from binder.display import Words
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.options import check_ranges
from modalities.text import augment, encoder, read, show, transform


@dataclass(frozen=True, kw_only=True)
class Text(ModalitySpec):
    """Captions, labels and prompts in any language.

    Hubs that know text tokenise the raw string themselves; `transform`, `augment` and `encoder`
    serve text towers that are trained under another hub, such as an image hub.

    Attributes:
        max_bytes: longest text in UTF-8 bytes; a longer one is an error, never cut unseen.
        mask_chance: in training, the chance that a byte is hidden from the encoder.
        templates: name of a set of prompt templates (or a YAML file, or the templates themselves), with which
            evaluation embeds labels; kept as the templates themselves.
    """

    name: ClassVar[str] = "text"

    max_bytes: int = 2048
    mask_chance: float = 0.05
    templates: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", read.read_templates(self.templates))
        check_ranges(self, max_bytes=">= 1", mask_chance=">= 0, < 1")

    @property
    def contract(self) -> InputContract:
        return InputContract(layout="text", unit="utf-8", min_length=1, length=LengthPolicy(kind="any"))

    def read(self, source: Source) -> str:
        return read.read_text(source, max_bytes=self.max_bytes)

    def length_of(self, source: Source) -> int | None:
        return len(source.encode("utf-8")) if isinstance(source, str) else None

    def transform(self, sample: str) -> Tensor:
        return transform.to_ids(sample)

    def augment(self, tensor: Tensor, generator: Generator) -> Tensor:
        return augment.hide_bytes(tensor, generator, chance=self.mask_chance)

    def collate(self, tensors: list[Tensor]) -> dict[str, Tensor]:
        return transform.pad(tensors)

    def encoder(self, **options: Any) -> nn.Module:
        return encoder.ByteConvNet(**options)

    def show(self, sample: str) -> Words:
        return show.show_text(sample)

    def synthetic(self, seed: int) -> str:
        return show.synthesise_text(seed)

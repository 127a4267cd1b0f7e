"""How samples are read where their vectors are known already: as keys. Floor: hub; for `precomputed`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from binder.data.cells import content_hash
from binder.display import Words
from binder.errors import HubError, SampleError
from binder.modality import ModalitySpec
from binder.storage import hash_json
from binder.types import InputContract, Source


@dataclass(frozen=True, kw_only=True, eq=False)
class KeySpec(ModalitySpec):
    """A modality whose samples are read as the keys of their vectors.

    Attributes:
        modality: what the sources hold.
        keys: those that have a vector.
        hub: where the vectors are, for messages.
    """

    modality: ModalitySpec
    keys: Mapping[str, Any]
    hub: str

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]: of the wrapped object
        return self.modality.name

    @property
    def contract(self) -> InputContract:
        return InputContract(layout="text", unit="key of a vector")

    @property
    def fingerprint(self) -> str:
        """Of the kind alone: which keys there are is part of the hub's fingerprint."""
        return hash_json(["key", self.name])

    def read(self, source: Source) -> str:
        for key in self._names(source):
            if key in self.keys:
                return key
        raise SampleError.explain(
            f"{self.hub} has no vector for this {self.name}",
            got=", ".join(repr(key[:80]) for key in self._names(source)),
            expected=f"a content hash, a file name or a text among its {len(self.keys)} keys",
            fix="embed this sample, too, and write the file again",
        )

    def _names(self, source: Source) -> Iterator[str]:
        """Under which keys a source may stand, the surest first."""
        if isinstance(source, str) and (self._is_text or source in self.keys):
            yield source
        if isinstance(source, str) and not self._is_text:
            source = Path(source)
        content = None if isinstance(source, Image.Image) else content_hash(source)  # decoded: its bytes are gone
        if content is not None:
            yield content
        path = source.get("path") if isinstance(source, dict) else source
        if isinstance(path, Path) or (isinstance(path, str) and not self._is_text):
            yield Path(path).name

    @property
    def _is_text(self) -> bool:
        return self.modality.contract.layout == "text"

    def transform(self, sample: Any) -> Tensor:
        """Raise `HubError`: there is no sample."""
        raise self._no_sample()

    def encoder(self, **options: Any) -> nn.Module:
        """Raise `HubError`: there is no sample."""
        raise self._no_sample()

    def _no_sample(self) -> HubError:
        return HubError.explain(f"{self.hub} embeds {self.name} itself", fix="train no tower for this modality")

    def show(self, sample: Any) -> Words:
        return Words(text=str(sample))

    def synthetic(self, seed: int) -> str:
        """One of the keys."""
        names = sorted(self.keys)
        return names[seed % len(names)]

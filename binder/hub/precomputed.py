"""Hubs that are a file of vectors, made by any model or API. Floor: hub; registered as `precomputed`.

`precomputed:/vectors.parquet` or `precomputed:/vectors.npy`; docs/hubs.md has the columns. Nothing runs: a sample is
looked up by its content hash, by its file's name or, if it is a text, by itself. So samples are never decoded, any
table whose samples are in the file can be cached, trained on and evaluated, and one that is not there is an error.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import HubError
from binder.hub.device import find_device
from binder.hub.logits import NO_LOGITS
from binder.hub.vector_files import VectorFile, read_vectors
from binder.hub.vector_keys import KeySpec
from binder.modality import ModalitySpec
from binder.registry import create_modality, modality_names
from binder.types import ImageTower, Sample


class PrecomputedHub:
    """Vectors of any API, in Parquet or NPY, looked up by the content of a sample.

    Native:
        the modalities that the file names

    Quirks:
        Nothing runs: a sample is found by its text, content hash or file name, and one that is not in the file is an
        error. Samples are not decoded.

    Attributes:
        model: whose vectors they are, as the file says.
        precision: float32, as vectors are given out; which precision made them is the file's affair.
    """

    def __init__(self, model: str) -> None:
        """Open a file of vectors.

        Args:
            model: its path, .parquet or .npy.

        Raises:
            HubError: no such file, other columns, a modality that is not registered, a vector that is zero or not
                finite, or a key that stands twice.
        """
        path = Path(model).expanduser().absolute()
        self.name, self.precision, self.logits = f"precomputed:{path}", "float32", NO_LOGITS
        file = read_vectors(self.name, path)
        _check_modalities(self.name, file.modalities)
        self.model, self.licence, self.fingerprint = file.model, file.licence, file.fingerprint
        self.dim, self._vectors = file.vectors.shape[1], file.vectors
        self._rows = _index(self.name, file)
        self.native = tuple(self._rows)

    def spec(self, modality: str) -> ModalitySpec:
        """Reads a source as the key under which its vector stands."""
        self._require(modality)
        return KeySpec(modality=create_modality(modality), keys=self._rows[modality], hub=self.name)

    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample {self.dim}"]:
        """The vectors under these keys, of length 1."""
        return self.embed_prepared(modality, samples)

    def prepare(self, modality: str, sample: Sample) -> Any:
        """A key needs no preparation."""
        del modality
        return sample

    def embed_prepared(self, modality: str, prepared: Sequence[Any]) -> Float[Tensor, "sample {self.dim}"]:
        """As `embed`.

        Raises:
            HubError: a modality or key that is not in the file.
        """
        self._require(modality)
        rows = self._rows[modality]
        absent = [key for key in prepared if not isinstance(key, str) or key not in rows]
        if absent:
            raise HubError.explain(
                f"{self.name} has no vector for {len(absent)} of {len(prepared)} samples of {modality}",
                got=", ".join(str(key)[:80] for key in absent[:5]),
                expected="keys, as `spec(modality).load(source)` gives them",
                fix="embed these samples, too, and write the file again",
            )
        taken = torch.from_numpy(np.array(self._vectors[[rows[key] for key in prepared]], dtype=np.float32))
        return nn.functional.normalize(taken.reshape(len(prepared), self.dim), dim=-1)

    def check_frozen(self) -> None:
        """Nothing here can train; the file was read, or mapped, when the hub was opened."""

    def image_tower(self) -> ImageTower:
        """Raise `HubError`: vectors have no tower."""
        fix = "use another encoder"
        raise HubError.explain(f"{self.name} has no image tower that can be copied", got="vectors only", fix=fix)

    def to(self, device: torch.device | str) -> "PrecomputedHub":
        """Check that there is such a device; vectors stay in memory."""
        find_device(device)
        return self

    def _require(self, modality: str) -> None:
        if modality not in self._rows:
            fix = "train a tower for it, or add its vectors to the file"
            raise HubError.explain(
                f"{self.name} does not embed {modality!r}", got=modality, choices=self._rows, fix=fix
            )


def _check_modalities(name: str, found: Sequence[str]) -> None:
    """A misspelt modality would be one that nobody can ask for."""
    known = modality_names()
    unknown = sorted(set(found).difference(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise HubError.explain(
            f"{name} holds vectors of unknown modalities",
            got=", ".join(unknown),
            choices=known,
            fix=f"did you mean {near[0]}?" if near else "install the package that registers the modality",
        )


def _index(name: str, file: VectorFile) -> Mapping[str, dict[str, int]]:
    """Modality -> key -> row."""
    rows: dict[str, dict[str, int]] = {}
    for row, (modality, key) in enumerate(zip(file.modalities, file.keys, strict=True)):
        known = rows.setdefault(modality, {})
        if key in known:
            got = f"{modality} {key[:80]!r} in rows {known[key]} and {row}"
            raise HubError.explain(f"{name}: a key stands twice", got=got, fix="keep one of the rows")
        known[key] = row
    return rows

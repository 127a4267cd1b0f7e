"""What a modality promises: the `ModalitySpec` that every plug-in implements. Floor: foundations.

A modality is an object, never a name prefix. Data rooms read through it, towers are built from
it, and nothing else in binder knows which modality it is handling. Plug-ins subclass
`ModalitySpec` as a frozen dataclass whose fields are the modality's options.
"""

import inspect
import sys
from abc import ABC, abstractmethod
from dataclasses import asdict, is_dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from binder.display import Display, display_by_contract
from binder.errors import SampleError
from binder.storage import hash_bytes, hash_json
from binder.types import Batch, InputContract, Sample, Source, View

if TYPE_CHECKING:
    import torch
    from torch import nn


class ModalitySpec(ABC):
    """One sense: how its samples are read, prepared, varied, batched, encoded and shown.

    The path of a sample: source --read--> sample --(contract)--> --transform--> tensor
    --augment (training only)--> tensor --collate--> batch --encoder--> features (n, width).

    Subclasses are frozen keyword-only dataclasses; the fields are the options that a config may
    set and that the checkpoint stores. They are picklable and hold no state.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def contract(self) -> InputContract:
        """What `read` returns: layout, unit, range, rate, channels, length policy."""

    @abstractmethod
    def read(self, source: Source) -> Sample:
        """Turn a path, bytes or array into a sample in the contract's unit and layout.

        Raises:
            SampleError: the source cannot be decoded, or its rate or unit is not the declared one.
        """

    @abstractmethod
    def transform(self, sample: Any) -> "torch.Tensor":  # Any: plug-ins narrow it to what their `read` returns
        """Prepare one sample for the encoder: pure, deterministic, float32.

        Of a fixed shape, but for its length where the contract's length policy is `any`.
        """

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        """Vary one transformed tensor in training: same shape, new tensor, all chance from `generator`."""
        del generator
        return tensor

    @property
    def viewable(self) -> bool:
        """Whether samples are pictures, of which a part can be shown: a layout with height and width."""
        return {"height", "width"} <= set(self.contract.layout.split())

    def view(self, sample: Sample, view: View) -> Sample:
        """The part of a sample that `view` shows; a sample that is no picture stays as it is."""
        if not self.viewable or not isinstance(sample, np.ndarray):
            return sample
        axes = self.contract.layout.split()
        return view.cut(sample, (axes.index("height"), axes.index("width")))

    def length_of(self, source: Source) -> int | None:
        """How long the sample in `source` is, in any one unit, without decoding it; None where that can't be said.

        Only for batches of similar lengths, so a rough number will do.

        Raises:
            SampleError: the source cannot be opened.
        """
        del source
        return None

    @property
    def likeness_kind(self) -> Literal["picture", "sound"] | None:
        """By what copies of a sample are known though their bytes differ, see `binder.likeness`; None for no way.

        From the contract: RGB pictures, and mono amplitudes.
        """
        contract = self.contract
        if contract.layout == "height width channel" and contract.channels == ("red", "green", "blue"):
            return "picture"
        return "sound" if contract.layout == "time channel" and contract.unit == "amplitude" else None

    def likeness(self, sample: Any) -> str | None:
        """The likeness of a sample that `load` gave, of `likeness_kind`."""
        from binder.likeness import picture_likeness, sound_likeness

        if self.likeness_kind == "picture":
            return picture_likeness(sample.astype(np.uint8))
        rate_hz = self.contract.rate_hz
        return None if self.likeness_kind is None or rate_hz is None else sound_likeness(sample[:, 0], rate_hz)

    def notes(self, sample: Any) -> list[str]:
        """What a person should know about a sample that is valid all the same: silence, say; no sentence for none.

        Each starts with the kind of remark, up to a colon if more follows.
        """
        del sample
        return []

    @property
    def in_parts(self) -> bool:
        """Whether `transform` gives several parts of a sample along a first axis: clips of a recording, say.

        Encoders that know of no parts (`raw`, `hub-copy`, those of libraries) then get one at a time, and a sample's
        features are the mean of its parts'; the modality's own and `module:Class` get batches as they are.
        """
        return False

    def collate(self, tensors: "list[torch.Tensor]") -> Batch:
        """Put transformed tensors into what the encoder takes; the default stacks them."""
        import torch

        return torch.stack(tensors)

    @abstractmethod
    def encoder(self, **options: Any) -> "nn.Module":
        """Build the default encoder: batch -> (n, width) features, with an int attribute `width`."""

    def show(self, sample: Any) -> Display:
        """What a report draws of a sample: one of the kinds of `binder.display`; the default goes by the contract."""
        return display_by_contract(sample, self.contract)

    @abstractmethod
    def synthetic(self, seed: int) -> Sample:
        """Make a valid sample for tests and checks; another seed gives another sample."""

    def load(self, source: Source) -> Sample:
        """Read `source` and hold it to the contract: the only way samples enter binder."""
        if isinstance(source, Path) or (isinstance(source, str) and self.contract.layout != "text"):
            _check_file(Path(source))
        sample = self.read(source)
        self.contract.check(sample)
        return sample

    @property
    def options(self) -> dict[str, Any]:
        """The option values that rebuild this object, as JSON types."""
        assert is_dataclass(self), f"{type(self).__name__} must be a dataclass: its fields are its options"
        return asdict(self)

    @property
    def reference(self) -> str:
        """The `module:Class` that names this modality's code."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    @property
    def fingerprint(self) -> str:
        """Changes with the options and with the code of the package that prepares samples."""
        return hash_json({"name": self.name, "options": self.options, "code": _source_hash(type(self))})


def read_bytes(source: Any) -> bytes:
    """Fetch the encoded file behind a path, raw bytes, or a `datasets` cell {"bytes", "path"}.

    For plug-ins whose `read` decodes file formats; whatever the file system says becomes a `SampleError`.

    Raises:
        SampleError: the file cannot be opened, holds nothing, or `source` names no file.
    """
    if isinstance(source, dict) and not source.keys().isdisjoint({"bytes", "path"}):
        source = source.get("bytes") or Path(source.get("path") or "")
    if isinstance(source, str | Path):
        path = Path(source)
        _check_file(path)
        try:
            source = path.read_bytes()
        except OSError as error:
            raise SampleError.explain("cannot open the file", got=f"{path} ({error.strerror})") from error
    if not isinstance(source, bytes):
        raise SampleError.explain("not a file", got=type(source).__name__, expected="a path or bytes")
    if not source:
        raise SampleError.explain("empty file", got="0 bytes", fix="copy the file again or remove the row")
    return source


def open_bytes(source: Any) -> BufferedReader | BytesIO:
    """Like `read_bytes`, but a file is opened, not read: for decoders that need only parts of large files.

    Raises:
        SampleError: as `read_bytes`.
    """
    path = source.get("path") if isinstance(source, dict) and not source.get("bytes") else source
    if isinstance(path, str | Path) and Path(path).is_file() and Path(path).stat().st_size:
        return Path(path).open("rb")
    return BytesIO(read_bytes(source))  # which words what is missing


def _check_file(path: Path) -> None:
    try:
        exists = path.exists()
    except OSError as error:  # a name too long for the file system, a folder without permission
        raise SampleError.explain("cannot open the file", got=f"{str(path)[:200]} ({error.strerror})") from error
    if not exists:
        raise SampleError.explain(
            "file not found",
            got=path,
            expected="an existing file",
            fix="check the path; relative paths start at the table's folder",
        )
    if path.is_dir():
        raise SampleError.explain("a folder, not a file", got=path, expected="one file per sample")
    if path.stat().st_size == 0:
        raise SampleError.explain("empty file", got=f"{path} (0 bytes)", fix="copy the file again or remove the row")


def _source_hash(cls: type) -> str:
    """Hash the source of the plug-in's package (or module, where it stands alone)."""
    module = sys.modules[cls.__module__]
    file = getattr(module, "__file__", None)
    if file is None:  # defined in a REPL or notebook cell: its own text is all there is
        try:
            return hash_bytes(inspect.getsource(cls).encode())
        except (OSError, TypeError):
            return "interactive"
    home = Path(file)
    files = sorted(home.parent.glob("*.py")) if (home.parent / "__init__.py").exists() else [home]
    return hash_bytes(b"".join(path.read_bytes() for path in files))

"""Reads the weights of others' checkpoints, and keeps account of which were used. Floor: importers.

No code that a file may carry is run: safetensors, or pickles through torch's loader for tensors alone.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from binder.errors import ArtifactError

_PICKLES = (".pth", ".pt", ".bin")
_WRAPPERS = ("state_dict", "model")
_SHOWN = 4
_FOREIGN = re.compile(r"GLOBAL (\S+)")  # in torch's message: what a pickle holds that is not allowed


class State:
    """Named weights; each is taken once, so that none is forgotten.

    Args:
        weights: by name.
        source: where they are from, for messages.
        prefix: of all names there.
    """

    def __init__(self, weights: Mapping[str, Tensor], source: Path | str, prefix: str = "") -> None:
        self._weights = dict(weights)
        self.source, self.prefix = source, prefix

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def take(self, name: str) -> Tensor:
        """One weight, float32.

        Raises:
            ArtifactError: there is none of that name.
        """
        if name not in self._weights:
            shown = ", ".join(self.prefix + one for one in sorted(self._weights)[:_SHOWN])
            raise ArtifactError.explain(
                f"{self.source} is not of the layout that is imported",
                got=f"no weight {self.prefix}{name}"
                + (f" among {len(self._weights)} such as {shown}" if shown else ""),
                fix="check that it is the published checkpoint, and of which model",
            )
        weight = self._weights.pop(name)
        return weight.float() if weight.is_floating_point() else weight

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one weight, which is not taken by this."""
        return tuple(self._weights[name].shape) if name in self._weights else tuple(self.take(name).shape)

    def drop(self, name: str) -> None:
        """Leave one weight out, where there is one: what can be made anew."""
        self._weights.pop(name, None)

    def under(self, prefix: str) -> "State":
        """The weights whose names start with `prefix`, without it; they count as taken here."""
        inner = {name: weight for name, weight in self._weights.items() if name.startswith(prefix)}
        for name in inner:
            del self._weights[name]
        short = {name.removeprefix(prefix): weight for name, weight in inner.items()}
        return State(short, self.source, self.prefix + prefix)

    def renamed(self, renames: Mapping[str, str], *, prefix: str = "") -> dict[str, Tensor]:
        """All that is left, under other names: every key of `renames` in a name is replaced, in order."""
        renamed = {}
        for name in list(self._weights):
            new = name
            for old, other in renames.items():
                new = new.replace(old, other)
            renamed[prefix + new] = self.take(name)
        return renamed

    def count(self, prefix: str) -> int:
        """How many numbered items there are: one more than the highest number that follows `prefix`."""
        numbers = {int(name.removeprefix(prefix).split(".")[0]) for name in self._weights if name.startswith(prefix)}
        return max(numbers, default=-1) + 1

    def done(self) -> None:
        """Raise if a weight was not taken.

        Raises:
            ArtifactError: with their names.
        """
        if self._weights:
            left = [self.prefix + name for name in sorted(self._weights)]
            raise ArtifactError.explain(
                f"{self.source} holds more than the layout that is imported",
                got=f"{len(left)} other weights, e.g. {', '.join(left[:_SHOWN])}",
                fix="check that it is the published checkpoint, and of which model",
            )


def read_state(path: Path) -> State:
    """Read a checkpoint file.

    Args:
        path: .safetensors, or a pickle of tensors (.pth, .pt, .bin), perhaps under the key `state_dict` or
            `model`, perhaps with names that start with `module.`.

    Raises:
        ArtifactError: no such file, another format, or a pickle that holds more than tensors.
    """
    path = Path(path)
    if not path.is_file() or path.suffix not in (".safetensors", *_PICKLES):
        raise ArtifactError.explain(
            "not a checkpoint file",
            got=f"{path} ({'a folder' if path.is_dir() else 'a file' if path.exists() else 'not there'})",
            expected=f"a file: .safetensors, {', '.join(_PICKLES)}",
        )
    weights = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if all(name.startswith("module.") for name in weights):  # saved from a parallel wrapper
        weights = {name.removeprefix("module."): weight for name, weight in weights.items()}
    return State(weights, path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> ArtifactError:
    return ArtifactError.explain(
        "cannot read the checkpoint",
        got=f"{path} ({reason})",
        expected="tensors by name; binder runs no code of a pickle",
        fix="download it again, or save its tensors with safetensors.torch.save_file",
    )


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        # a memory map, so that a checkpoint of gigabytes is read as it is used; files of before torch 1.6 are no zips
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # unpickling errors, and those of a broken file
        held = _FOREIGN.search(str(error))  # torch's own text speaks of options that binder does not offer
        reason = f"it holds {held[1]}, which is no tensor" if held else "it is damaged, or no file of torch"
        raise _unreadable(path, reason) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(weight, Tensor) for weight in content.values()):
        raise ArtifactError.explain(
            "not a state dict", got=f"{path} ({type(content).__name__})", expected="tensors by name"
        )
    return content

"""Inputs that no modality may accept: one line a kind, each input must raise `SampleError`, and nothing else.

Through `Hub.spec` the same list is held against hubs.
"""

import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from binder.check import bad_files
from binder.check.lines import NamedCheck, require
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Source

Case = tuple[str, Source]
MAX_MEMORY = 256 * 2**20  # bytes that may be taken before a bomb is refused
PICTURE_AXES = ("height", "width")
BOMB = "bomb"


def check_bad_inputs(kind: str, specs: list[ModalitySpec]) -> str:
    """Feed every bad input of a kind to `load` of every spec; all failures are listed."""
    tried, failures = 0, []
    for spec in specs:
        with tempfile.TemporaryDirectory() as folder:
            for name, source in KINDS[kind](spec, Path(folder)):
                tried += 1
                failure = _try_measured(spec, source) if kind == BOMB else _try(spec, source)
                failures += [f"{spec.name}: {name}: {failure}"] if failure else []
    require(not failures, f"{len(failures)} of {tried}: " + "; ".join(failures))
    return f"{tried} input(s), each a SampleError" if tried else "not for texts: they have none"


def _try(spec: ModalitySpec, source: Source) -> str | None:
    """What is wrong with how `source` was refused; None if nothing is."""
    try:
        spec.load(source)
    except SampleError as error:
        return None if str(error).strip() else "SampleError without a text"
    except Exception as error:  # whatever else a plug-in lets through is the finding
        return f"{type(error).__name__} instead of SampleError"
    return "accepted"


def _try_measured(spec: ModalitySpec, source: Source) -> str | None:
    """The same; and it must have been refused before it was unpacked."""
    tracemalloc.start()
    try:
        failure = _try(spec, source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    too_much = f"refused after taking {peak / 2**20:.0f} MiB" if peak > MAX_MEMORY else None
    return failure or too_much


def _is_text(spec: ModalitySpec) -> bool:
    return spec.contract.layout == "text"


def _array(spec: ModalitySpec) -> np.ndarray:
    """A valid sample; for texts any array."""
    sample = spec.load(spec.synthetic(0))
    return sample if isinstance(sample, np.ndarray) else bad_files.NOISE


def _write(folder: Path, files: bad_files.Files) -> Iterator[Case]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
        yield name, folder / name


def _damaged(spec: ModalitySpec, folder: Path, *, files: Callable[[np.ndarray], bad_files.Files]) -> Iterator[Case]:
    yield from _write(folder, files(_array(spec)))


def _both(folder: Path, name: str, array: np.ndarray) -> Iterator[Case]:
    """An array as it is, and in a file."""
    yield name, array
    yield from _write(folder, {f"{name}.npy": bad_files.npy(array)})


def _empty(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    yield from _write(folder, {"empty.bin": b""})
    yield "no bytes", b""
    if _is_text(spec):
        yield "empty text", ""
        yield "blank text", " \n\t"


def _wrong_magic(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    yield from _write(folder, bad_files.wrong_magic(_array(spec)))
    yield "bytes of garbage", bad_files.GARBAGE


def _zero_samples(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    yield from _write(folder, bad_files.zero_samples(_array(spec)))
    yield "array of length zero", _array(spec)[:0]


def _not_finite(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    if _is_text(spec):
        return
    values = {"infinity": np.inf, "minus infinity": -np.inf}
    if not spec.contract.nan_is_missing:
        values["NaN"] = np.nan
    for name, value in values.items():
        yield from _both(folder, name, _with(_array(spec), value))


def _wrong_channels(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    if _is_text(spec):
        return
    array, axes = _array(spec), spec.contract.layout.split()
    if tuple(axes[-2:]) == PICTURE_AXES:  # one value a pixel: colours are another modality's
        yield from _both(folder, "colours", np.stack([array.reshape(-1, *array.shape[-2:])[0]] * 3, axis=-1))
        return
    axis = axes.index("channel") if "channel" in axes else -1
    yield from _both(folder, "one channel missing", np.delete(array, -1, axis))


def _out_of_range(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    if spec.contract.value_range is not None:
        low, high = spec.contract.value_range
        step = 1000 * max(1.0, high - low)
        yield from _both(folder, "above the range", _with(_array(spec), high + step))
        yield from _both(folder, "below the range", _with(_array(spec), low - step))


def _bomb(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    del spec
    yield from _write(folder, bad_files.bombs())


def _path_not_utf8(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    if os.name == "posix":
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe"))
        odd.mkdir()
        yield "missing file", odd / "missing.bin"
        yield from _write(odd, {"garbage.bin": bad_files.GARBAGE})
    if _is_text(spec):
        yield "text with a lone surrogate", "caf\ud800"


def _folder(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    del spec
    yield "folder", folder


def _other(spec: ModalitySpec, folder: Path) -> Iterator[Case]:
    array = _array(spec)
    yield "missing file", folder / "missing.bin"
    yield "file name too long", folder / ("x" * 300)
    yield "one axis too many", array[None]
    yield "no axes", np.array(1.0, np.float32)
    yield "array of texts", np.full(array.shape, "1")


def _with(array: np.ndarray, value: float) -> np.ndarray:
    damaged = array.astype(np.float32)
    damaged.flat[damaged.size // 2] = value
    return damaged


KINDS: dict[str, Callable[[ModalitySpec, Path], Iterator[Case]]] = {
    "empty": _empty,
    "truncated": partial(_damaged, files=bad_files.truncated),
    "wrong magic": _wrong_magic,
    "zero samples": _zero_samples,
    "NaN, infinite": _not_finite,
    "wrong channels": _wrong_channels,
    "absurd size": partial(_damaged, files=bad_files.absurd),
    BOMB: _bomb,
    "path not UTF-8": _path_not_utf8,
    "folder": _folder,
    "out of range": _out_of_range,
    "missing, wrong type": _other,
}


def _check(spec: ModalitySpec, kind: str) -> str:
    return check_bad_inputs(kind, [spec])


BAD_INPUT_CHECKS: tuple[NamedCheck[ModalitySpec], ...] = tuple(
    (f"bad input: {kind}", partial(_check, kind=kind)) for kind in KINDS
)

"""Inputs that no modality may accept: each must raise `SampleError`, and nothing else."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from binder.check.lines import require
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Source

GARBAGE = bytes(np.random.default_rng(0).integers(128, 255, size=4096, dtype=np.uint8))  # no magic number, no UTF-8


def check_bad_inputs(spec: ModalitySpec) -> str:
    """Feed every bad input to `spec.load`; all failures are listed."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [*_bad_files(Path(folder)), *_bad_bytes()]
        cases += _bad_texts() if spec.contract.layout == "text" else _bad_arrays(spec)
        failures = [failure for name, source in cases if (failure := _try(spec, name, source))]
    require(not failures, f"{len(failures)} of {len(cases)}: " + "; ".join(failures))
    return f"{len(cases)} kinds, each a SampleError"


def _try(spec: ModalitySpec, name: str, source: Source) -> str | None:
    try:
        spec.load(source)
    except SampleError as error:
        return None if str(error).strip() else f"{name}: SampleError without a text"
    except Exception as error:  # whatever else a plug-in lets through is the finding
        return f"{name}: {type(error).__name__} instead of SampleError"
    return f"{name}: accepted"


def _bad_files(folder: Path) -> Iterator[tuple[str, Source]]:
    empty, garbage = folder / "empty.bin", folder / "garbage.bin"
    empty.write_bytes(b"")
    garbage.write_bytes(GARBAGE)
    yield "empty file", empty
    yield "file of garbage", garbage
    yield "missing file", folder / "missing.bin"
    yield "folder instead of a file", folder
    yield "file name too long", folder / ("x" * 300)
    if os.name == "posix":
        yield "path that is not UTF-8", Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.bin"))


def _bad_bytes() -> Iterator[tuple[str, Source]]:
    yield "no bytes", b""
    yield "bytes of garbage", GARBAGE


def _bad_texts() -> Iterator[tuple[str, Source]]:
    yield "empty text", ""
    yield "blank text", " \n\t"
    yield "text with a lone surrogate", "caf\ud800"
    yield "array instead of a text", np.zeros(3, np.float32)


def _bad_arrays(spec: ModalitySpec) -> Iterator[tuple[str, Source]]:
    sample = spec.load(spec.synthetic(0))
    assert isinstance(sample, np.ndarray)
    yield "one axis too many", sample[None]
    yield "no axes", np.array(1.0, np.float32)
    yield "zero-length array", sample[:0]
    yield "array of texts", np.full(sample.shape, "1")
    if spec.contract.channels:
        yield "a channel missing", np.delete(sample, -1, axis=spec.contract.layout.split().index("channel"))
    for name, value in _bad_values(spec):
        damaged = sample.astype(np.float32)
        damaged.flat[damaged.size // 2] = value
        yield name, damaged


def _bad_values(spec: ModalitySpec) -> Iterator[tuple[str, float]]:
    yield "NaN", np.nan
    yield "infinity", np.inf
    if spec.contract.value_range is not None:
        low, high = spec.contract.value_range
        yield "value above the range", high + 1000 * max(1.0, high - low)
        yield "value below the range", low - 1000 * max(1.0, high - low)

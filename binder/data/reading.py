"""Reads one sample of a table. Floor: data.

A sample that cannot be read raises with its row's id; where the caller decided to skip, it becomes
a `Skip` (see `remarks`). It never becomes another sample.
"""

from typing import TYPE_CHECKING, Any, Literal

from binder.data.remarks import Note
from binder.data.table import PairTable
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Sample, View

if TYPE_CHECKING:
    import torch

OnError = Literal["raise", "skip"]

# A plug-in's own mistakes. They surface as they are: skipping every row would hide them.
_BUGS = (AssertionError, AttributeError, NameError, TypeError, MemoryError, NotImplementedError)


def read_sample(table: PairTable, index: int, spec: ModalitySpec) -> Sample:
    """Read row `index` of the modality `spec` and hold it to its contract.

    Raises:
        SampleError: it is missing, cannot be decoded or breaks the contract; the text starts with
            the row's id and the modality.
    """
    try:
        return load_row(table, index, spec)
    except SampleError as error:
        raise named(error, table.ids[index], spec.name) from error


def read_tensor(table: PairTable, index: int, spec: ModalitySpec) -> "torch.Tensor":
    """Like `read_sample`, then transformed for the encoder."""
    try:
        return transform_row(table, index, spec)[0]
    except SampleError as error:
        raise named(error, table.ids[index], spec.name) from error


def load_row(table: PairTable, index: int, spec: ModalitySpec) -> Sample:
    """`read_sample` without the row's name in the error: what a `Skip` records as its reason."""
    source = table.cell(index, spec.name)
    if source is None:
        raise SampleError.explain(
            "nothing in this row", expected=f"a {spec.name}", fix="choose rows by table.present(modality)"
        )
    return _decode(lambda: spec.load(source), source)


def notes_on(table: PairTable, index: int, spec: ModalitySpec, sample: Sample) -> tuple[Note, ...]:
    """What stands out in a sample that `load_row` gave, one note per kind."""
    kinds = dict.fromkeys(text.partition(":")[0] for text in spec.notes(sample))
    return tuple(Note(table.ids[index], spec.name, kind) for kind in kinds)


def transform_row(
    table: PairTable, index: int, spec: ModalitySpec, view: View | None = None
) -> tuple["torch.Tensor", tuple[Note, ...]]:
    """`read_tensor` without the row's name in the error, or of the part that `view` shows; and notes on the whole."""
    sample = load_row(table, index, spec)
    notes = notes_on(table, index, spec, sample)
    if view is not None:
        sample = spec.view(sample, view)
    return _decode(lambda: spec.transform(sample), None), notes


def named(error: SampleError, id: str, modality: str) -> SampleError:
    """The same error, saying which sample it is about."""
    return SampleError(f"row {id!r}, modality {modality!r}: {error}")


def _decode(step: Any, source: Any) -> Any:
    """Run a plug-in's step; what a decoder library raises about the data becomes a `SampleError`."""
    try:
        return step()
    except (SampleError, *_BUGS):
        raise
    except Exception as error:
        got = f"{type(error).__name__}: {error}" + (f" in {_describe(source)}" if source is not None else "")
        raise SampleError.explain("cannot be read", got=got, fix="repair the file or remove the row") from error


def _describe(source: Any) -> str:
    return f"{len(source)} bytes" if isinstance(source, bytes) else str(source)[:200]

"""Reads one sample of a table, and keeps account of those that cannot be read. Floor: data.

A sample that cannot be read raises with its row's id; where the caller decided to skip, it becomes
a `Skip`, which travels to a `SkipReport` that the run prints. It never becomes another sample.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from binder.data.table import PairTable
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Sample, View

if TYPE_CHECKING:
    import torch

OnError = Literal["raise", "skip"]

# A plug-in's own mistakes. They surface as they are: skipping every row would hide them.
_BUGS = (AssertionError, AttributeError, NameError, TypeError, MemoryError, NotImplementedError)


@dataclass(frozen=True)
class Skip:
    """A sample that was left out.

    Attributes:
        id: of its row.
        modality: that could not be read.
        reason: the error's text; its first line names the kind of fault.
    """

    id: str
    modality: str
    reason: str


class SkipReport:
    """What a run left out: each sample once, in the order it was met."""

    def __init__(self, skips: Iterable[Skip] = ()) -> None:
        self._skips: dict[tuple[str, str], Skip] = {}
        self.extend(skips)

    def add(self, skip: Skip) -> None:
        """Note a sample; a second note of the same id and modality changes nothing."""
        self._skips.setdefault((skip.id, skip.modality), skip)

    def extend(self, skips: Iterable[Skip]) -> None:
        """Note several samples."""
        for skip in skips:
            self.add(skip)

    @property
    def items(self) -> list[Skip]:
        """All of them."""
        return list(self._skips.values())

    def __len__(self) -> int:
        return len(self._skips)

    def __iter__(self) -> Iterator[Skip]:
        return iter(self.items)

    def render(self, *, limit: int = 5) -> str:
        """Text for the terminal: counts per modality and fault, the first `limit` ids of each."""
        if not self._skips:
            return "no sample was left out"
        ids_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for skip in self:
            ids_of[skip.modality, skip.reason.partition("\n")[0]].append(skip.id)
        lines = [f"left out {len(self)} sample{'s' if len(self) > 1 else ''}:"]
        for (modality, fault), ids in ids_of.items():
            more = f" and {len(ids) - limit} more" if len(ids) > limit else ""
            lines.append(f"  {len(ids)} x {modality}: {fault} (id {', '.join(ids[:limit])}{more})")
        return "\n".join(lines)

    def to_json(self) -> list[dict[str, str]]:
        """The same, complete, as JSON types."""
        return [asdict(skip) for skip in self]


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
        return transform_row(table, index, spec)
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


def transform_row(table: PairTable, index: int, spec: ModalitySpec, view: View | None = None) -> "torch.Tensor":
    """`read_tensor` without the row's name in the error; with `view`, of that part of the sample."""
    sample = load_row(table, index, spec)
    if view is not None:
        sample = spec.view(sample, view)
    return _decode(lambda: spec.transform(sample), None)


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

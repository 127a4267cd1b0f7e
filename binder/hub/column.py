"""Embeds one hub-native column of a table, in fixed batches. Floor: hub; called by `cache` and by live use.

Samples are read and prepared in threads while the hub embeds the batch before. Equal contents are
embedded once and every row points at its content's vector. Batches are cut from the contents in the
order they first appear, so a cached and a live pass run the very same batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from binder.data import Note, OnError, PairTable, Remark, Skip
from binder.data.ahead import read_ahead
from binder.data.reading import load_row, named, notes_on
from binder.errors import HubError, SampleError
from binder.hub.protocol import Hub
from binder.modality import ModalitySpec


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnVectors:
    """Unit hub vectors of a table's rows, stored once per content.

    Attributes:
        unique_vectors: float32 (content, dim), memory-mapped where they come from a cache.
        positions: int64 (row,), the row's place in `unique_vectors`; -1 where it has none.
        skips: the rows that could not be read, with the reason.
        notes: what stands out in the others.
        ids: of the table's rows, for messages.
    """

    unique_vectors: np.ndarray
    positions: np.ndarray
    skips: list[Skip]
    notes: list[Note]
    ids: list[str]

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.unique_vectors.shape[1]

    @property
    def rows(self) -> np.ndarray:
        """Row numbers that have a vector, int64, ascending."""
        return np.flatnonzero(self.positions >= 0)

    @property
    def remarks(self) -> list[Remark]:
        """Skips and notes."""
        return [*self.skips, *self.notes]

    def vectors_for(self, rows: Sequence[int] | np.ndarray) -> Float[Tensor, "row dim"]:
        """Vectors of table rows, in that order.

        Raises:
            HubError: a row that was skipped or holds nothing; there is no stand-in for its vector.
        """
        positions = self.positions[np.asarray(rows, dtype=np.int64)]
        if (positions < 0).any():
            absent = [self.ids[row] for row, position in zip(rows, positions, strict=True) if position < 0]
            raise HubError.explain(
                "rows without a hub vector",
                got=f"{len(absent)} rows, e.g. ids {absent[:5]}",
                expected="rows among `.rows`; the others were skipped or hold no sample",
            )
        return torch.from_numpy(np.array(self.unique_vectors[positions]))  # a copy: a memory map is read-only


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The distinct contents of a column, in the order they first appear.

    Attributes:
        first_rows: a row that holds each content.
        of_row: for each row the number of its content, -1 where it holds nothing.
    """

    first_rows: list[int]
    of_row: np.ndarray


def distinct_contents(table: PairTable, modality: str) -> Contents:
    """Number the contents of a column; a cell without a hash (a missing file) counts as a content of its own."""
    number: dict[str, int] = {}
    of_row = np.full(len(table), -1, dtype=np.int64)
    first_rows: list[int] = []
    hashes, present = table.content_hashes(modality), table.present(modality)
    for row in np.flatnonzero(present).tolist():
        key = hashes[row] or f"row {row}"
        if key not in number:
            number[key] = len(first_rows)
            first_rows.append(row)
        of_row[row] = number[key]
    return Contents(first_rows=first_rows, of_row=of_row)


@dataclass(frozen=True, kw_only=True)
class BatchVectors:
    """One embedded batch: the contents it holds vectors for, why others are missing, and kinds of notes on some."""

    contents: list[int]
    vectors: np.ndarray
    reasons: dict[int, str]
    notes: dict[int, list[str]]


class _Read(NamedTuple):
    """A content by its number, prepared, with kinds of notes; or the reason why it can't be."""

    number: int
    prepared: Any
    notes: list[str]
    reason: str | None


def embed_batches(
    hub: Hub,
    table: PairTable,
    spec: ModalitySpec,
    contents: Sequence[tuple[int, int]],
    *,
    batch_size: int,
    on_error: OnError,
) -> Iterator[BatchVectors]:
    """Read and embed contents, `batch_size` at a time.

    Args:
        hub: embeds them.
        table: holds them.
        spec: reads them.
        contents: (content number, row that holds it).
        batch_size: contents per batch, readable or not.
        on_error: raise at a sample that cannot be read, or give its reason.

    Raises:
        SampleError: with `on_error` raise, naming the row.
    """

    def read(content: tuple[int, int]) -> _Read:
        number, row = content
        try:
            sample = load_row(table, row, spec)
            notes = [note.kind for note in notes_on(table, row, spec, sample)]
            return _Read(number, hub.prepare(spec.name, sample), notes, None)
        except SampleError as error:
            if on_error == "raise":
                raise named(error, table.ids[row], spec.name) from error
            return _Read(number, None, [], str(error))

    for batch in read_ahead(read, contents, batch_size=batch_size):
        vectors = hub.embed_prepared(spec.name, [one.prepared for one in batch if one.reason is None])
        yield BatchVectors(
            contents=[one.number for one in batch if one.reason is None],
            vectors=vectors.numpy(),
            reasons={one.number: one.reason for one in batch if one.reason is not None},
            notes={one.number: one.notes for one in batch if one.notes},
        )


def assemble(
    table: PairTable,
    modality: str,
    contents: Contents,
    vectors: np.ndarray,
    kept: Sequence[int],
    reasons: Mapping[int, str],
    notes: Mapping[int, Sequence[str]],
) -> ColumnVectors:
    """Point every row at its content's vector; list the rows that have none for a reason, and notes on the others."""
    place = np.full(len(contents.first_rows) + 1, -1, dtype=np.int64)  # the last: rows that hold nothing
    place[np.asarray(kept, dtype=np.int64)] = np.arange(len(kept))
    skips = [
        Skip(table.ids[row], modality, reasons[number])
        for row, number in enumerate(contents.of_row.tolist())
        if number in reasons
    ]
    noted = [
        Note(table.ids[row], modality, kind)
        for row, number in enumerate(contents.of_row.tolist())
        for kind in notes.get(number, ())
    ]
    positions = place[contents.of_row]
    return ColumnVectors(unique_vectors=vectors, positions=positions, skips=skips, notes=noted, ids=table.ids)


def embed_column(
    hub: Hub, table: PairTable, spec: ModalitySpec, *, batch_size: int = 64, on_error: OnError = "raise"
) -> ColumnVectors:
    """Embed a column in memory: the live counterpart of `build_hub_cache`, equal to it bit for bit.

    Raises:
        SampleError: with `on_error` raise, naming the first row that cannot be read.
        HubError: the hub does not embed this modality.
    """
    contents = distinct_contents(table, spec.name)
    parts = list(
        embed_batches(hub, table, spec, list(enumerate(contents.first_rows)), batch_size=batch_size, on_error=on_error)
    )
    vectors = np.concatenate([np.zeros((0, hub.dim), np.float32), *(part.vectors for part in parts)])
    kept = [number for part in parts for number in part.contents]
    reasons = {number: reason for part in parts for number, reason in part.reasons.items()}
    notes = {number: kinds for part in parts for number, kinds in part.notes.items()}
    return assemble(table, spec.name, contents, vectors, kept, reasons, notes)

"""The pair table: one row a sample, columns map to modalities. Floor: data; used by hub, train, evaluate, run.

A `PairTable` is an immutable view of a Hugging Face dataset: `select` and the splits share the
cells and the content hashes of the table they come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from binder.data.cells import check_cell_type, content_hash, holds_sample, to_source
from binder.data.mapping import check_unique, is_text, map_columns, name_column
from binder.data.opening import load_table
from binder.errors import SampleError, TableError
from binder.modality import ModalitySpec
from binder.registry import modality_names
from binder.storage import hash_json
from binder.types import Source

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PairTable:
    """Rows of samples seen by several modalities. Made by `open` or `from_dataset`.

    Attributes:
        columns: modality -> name of its column.
        ids: one per row, unique.
        groups: what must not straddle splits (recording, subject, scene); the id where no group is given.
        has_groups: whether `groups` were given.
        labels: what rows may share as meaning; None where none are given.
        root: folder that relative paths start at.
    """

    columns: dict[str, str]
    ids: list[str]
    groups: list[str]
    has_groups: bool
    labels: list[str] | None
    root: Path | None
    _dataset: Dataset  # shared by all selections, like the four below
    _shards: tuple[Path, ...]  # archives that cells may lie in
    _texts: frozenset[str]
    _hashes: dict[str, dict[int, str | None]]
    _likenesses: dict[str, dict[str, str | None]]
    _rows: np.ndarray  # places of this table's rows in the Arrow table under `_dataset`

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        id: str | None = None,
        group: str | None = None,
        label: str | None = None,
        root: Path | None = None,
        specs: Mapping[str, ModalitySpec] | None = None,
    ) -> "PairTable":
        """Open a table.

        Args:
            source: a .csv, .jsonl, .json or .parquet file; a folder of per-modality subfolders (see
                `binder.data.folders`); WebDataset shards (`shards/{000..009}.tar`, `shards/*.tar`, a folder of
                them); a folder that clip-retrieval wrote; one written by `save_to_disk`; or a hub dataset ORG/NAME.
            columns: modality -> column (or subfolder, or extension). Default: every column named like a modality.
            id: column of unique names; default `id`, else row numbers.
            group: column of groups; default `group` where there is one.
            label: column of labels; default `label` where there is one.
            root: folder that relative paths start at; default: the table's own.
            specs: modalities that are not registered, by name.

        Raises:
            TableError: no such table, contents that do not parse, an unknown column or modality, no
                rows, duplicate or missing ids, missing groups or labels.
        """
        specs = dict(specs or {})
        names = {id or "id", group or "group", label or "label"}
        verbatim = names | {*modality_names(), *specs, *(columns or {}).values()}
        dataset, home, shards = load_table(str(source), columns, specs, verbatim)
        table = cls.from_dataset(
            dataset, root=root or home, columns=columns, id=id, group=group, label=label, specs=specs
        )
        return replace(table, _shards=shards)

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        *,
        root: Path | None = None,
        columns: Mapping[str, str] | None = None,
        id: str | None = None,
        group: str | None = None,
        label: str | None = None,
        specs: Mapping[str, ModalitySpec] | None = None,
    ) -> "PairTable":
        """Wrap a dataset already in hand; arguments and errors as in `open`."""
        names, specs = dataset.column_names, specs or {}
        columns = map_columns(names, columns, specs)
        texts = frozenset(name for name in columns if is_text(name, specs))
        _check_cells(dataset, columns, texts)
        given_id, given_group, given_label = (
            name_column(names, given, default) for given, default in ((id, "id"), (group, "group"), (label, "label"))
        )
        ids = [str(row) for row in range(len(dataset))]
        if given_id is not None:
            ids = check_unique(_strings(dataset, given_id))
        return cls(
            columns=columns,
            ids=ids,
            groups=ids if given_group is None else _strings(dataset, given_group),
            has_groups=given_group is not None,
            labels=None if given_label is None else _strings(dataset, given_label),
            root=root,
            _dataset=dataset,
            _shards=(),
            _texts=texts,
            _hashes={name: {} for name in columns},
            _likenesses={},
            _rows=_stored_rows(dataset),
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        mapping = ", ".join(f"{modality}={column!r}" for modality, column in self.columns.items())
        return f"PairTable({len(self)} rows; {mapping})"

    def select(self, indices: Sequence[int] | np.ndarray) -> "PairTable":
        """The rows at `indices`, in that order.

        Raises:
            TableError: an index that is not a row number of this table.
        """
        rows = np.asarray(indices)
        if rows.size == 0:
            rows = rows.astype(np.int64)
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or ((rows < 0) | (rows >= len(self))).any():
            raise TableError.explain(
                "not row numbers",
                got=f"{rows.dtype} {rows[:_SHOWN]}...",
                expected=f"integers from 0 to {len(self) - 1}",
            )
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            groups=[self.groups[row] for row in rows],
            labels=None if self.labels is None else [self.labels[row] for row in rows],
            _rows=self._rows[rows],
        )

    def cell(self, index: int, modality: str) -> Source | None:
        """What the row holds for `modality`, ready for `ModalitySpec.load`; None where it holds nothing.

        Paths are absolute or start at `root`; image, audio and video features come as bytes or path, undecoded.

        Raises:
            TableError: no column for this modality.
            SampleError: an array cell with holes or of uneven shape, or a shard that is gone or cut off.
        """
        cell = self._dataset.data.column(self._column(modality))[int(self._rows[index])]
        return to_source(cell, text=modality in self._texts, root=self.root, shards=self._shards)

    def present(self, modality: str) -> np.ndarray:
        """True for the rows that hold something for `modality`, bool (row,)."""
        return holds_sample(self._dataset.data.column(self._column(modality)))[self._rows]

    def attribute(self, name: str) -> list[Any]:
        """Values of any column, as Python objects.

        Raises:
            TableError: no such column.
        """
        if name not in self.attribute_names:
            raise TableError.explain("no such column", got=repr(name), choices=self.attribute_names)
        return self._dataset.data.column(name).take(self._rows).to_pylist()

    @property
    def attribute_names(self) -> list[str]:
        """Every column of the table."""
        return list(self._dataset.column_names)

    def content_hashes(self, modality: str) -> list[str | None]:
        """One content hash per row; None for a missing cell or file, or a broken array cell.

        Computed once for a table and all its selections.
        """
        self._column(modality)
        known = self._hashes[modality]
        for index, row in enumerate(self._rows):
            if int(row) not in known:
                known[int(row)] = self._content_hash(index, modality)
        return [known[int(row)] for row in self._rows]

    def remembered_likenesses(self, spec_fingerprint: str) -> dict[str, str | None]:
        """Content hash -> likeness, as `binder.data.likenesses` found them for this table and its selections."""
        return self._likenesses.setdefault(spec_fingerprint, {})

    @property
    def fingerprint(self) -> str:
        """Changes with the mapping, the rows, their groups and labels, and the content of every cell."""
        hashes = {name: self.content_hashes(name) for name in self.columns}
        return hash_json([self.columns, self.ids, self.groups, self.labels, hashes])

    def splits(self, column: str = "split") -> dict[str, "PairTable"]:
        """The parts that a column of the table names.

        Raises:
            TableError: no such column, or a row without a value in it.
        """
        names = self.attribute(column)
        if None in names:
            raise TableError.explain(f"rows without a {column}", got=_some(self.ids, names), fix="fill in the column")
        return {
            str(name): self.select([row for row, other in enumerate(names) if other == name])
            for name in dict.fromkeys(names)
        }

    def _column(self, modality: str) -> str:
        if modality not in self.columns:
            raise TableError.explain(
                f"the table has no {modality}", got=modality, choices=self.columns, fix="map a column to it"
            )
        return self.columns[modality]

    def _content_hash(self, index: int, modality: str) -> str | None:
        try:
            return content_hash(self.cell(index, modality))
        except SampleError:  # a broken array cell; reading it reports why
            return None


def _stored_rows(dataset: Dataset) -> np.ndarray:
    """Where the rows of `dataset` lie in the Arrow table under it: a selected or shuffled dataset is a view."""
    view = dataset._indices  # no public name; the test of shuffled datasets watches it
    return np.arange(len(dataset)) if view is None else view.column(0).to_numpy().astype(np.int64)


def _check_cells(dataset: Dataset, columns: Mapping[str, str], texts: frozenset[str]) -> None:
    if len(dataset) == 0:
        raise TableError.explain("empty table", got="0 rows", fix="check the file that the table was made from")
    for modality, column in columns.items():
        check_cell_type(column, modality, dataset.data.schema.field(column).type, text=modality in texts)


def _strings(dataset: Dataset, column: str) -> list[str]:
    """A column of names, as strings; every row must have one."""
    values = dataset.data.column(column).take(_stored_rows(dataset)).to_pylist()
    if None in values:
        rows = [row for row, value in enumerate(values) if value is None]
        raise TableError.explain(
            f"column {column!r} has empty cells",
            got=f"{len(rows)} rows, e.g. row numbers {rows[:_SHOWN]}",
            expected="a value in every row",
            fix="fill them in, remove the rows, or name another column",
        )
    return [str(value) for value in values]


def _some(ids: list[str], values: list[Any]) -> str:
    rows = [name for name, value in zip(ids, values, strict=True) if value is None]
    return f"{len(rows)} rows, e.g. {rows[:_SHOWN]}"

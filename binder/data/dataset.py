"""A modality's rows as a torch dataset, for one tower or one encoding pass. Floor: data; used by train and space."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from binder.data.reading import OnError, named, transform_row
from binder.data.remarks import Note, Remark, Skip
from binder.data.table import PairTable
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Batch, View


class Item(NamedTuple):
    """A transformed sample.

    Attributes:
        row: of the table.
        tensor: as `ModalitySpec.transform` made it.
        notes: what stands out in the sample.
    """

    row: int
    tensor: Tensor
    notes: tuple[Note, ...] = ()


class ModalityDataset(Dataset[Item | Skip]):
    """Transformed samples of one modality; item i is that of row i, or a `Skip` saying why there is none.

    Pass `collate_samples` (with the spec) to the loader: the default collate knows no skips.
    """

    def __init__(
        self, table: PairTable, spec: ModalitySpec, *, on_error: OnError = "raise", cache: bool = False
    ) -> None:
        """Look at the rows of `table` through `spec`.

        Args:
            table: its rows should hold the modality (`table.present`); those that do not are errors.
            spec: reads and transforms; its name is the table's modality.
            on_error: raise at a bad sample, or give a `Skip`.
            cache: keep transformed tensors in memory after their first reading. Each loader worker
                keeps its own, so a cache wants workers=0 or persistent workers.
        """
        self.table, self.spec, self.on_error = table, spec, on_error
        self._kept: dict[int, Item | Skip] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Item | Skip:
        found = self.kept(index)
        if found is None:
            found = self._read(index)
            if self._kept is not None:
                self._kept[index] = found
        return found

    def viewed(self, index: int, view: View | None) -> Item | Skip:
        """Item `index` as `view` shows it, read anew each time; the item itself where there is nothing to view."""
        if view is None or not self.spec.viewable:
            return self[index]
        return self._read(index, view)

    def kept(self, index: int) -> Item | Skip | None:
        """What is in memory for item `index`; None where nothing is."""
        return None if self._kept is None else self._kept.get(index)

    def _read(self, index: int, view: View | None = None) -> Item | Skip:
        try:
            return Item(index, *transform_row(self.table, index, self.spec, view))
        except SampleError as error:
            if self.on_error == "raise":
                raise named(error, self.table.ids[index], self.spec.name) from error
            return Skip(self.table.ids[index], self.spec.name, str(error))


def collate_samples(items: Sequence[Item | Skip], spec: ModalitySpec) -> tuple[Tensor, Batch | None, list[Remark]]:
    """Put items of a `ModalityDataset` into a batch, remarks apart.

    Returns:
        Row numbers of the batch, int64; the encoder's batch in the same order, None where every item
        was skipped; the skips, and the notes on the others.
    """
    kept = [item for item in items if not isinstance(item, Skip)]
    remarks = [note for item in items for note in ([item] if isinstance(item, Skip) else item.notes)]
    indices = torch.tensor([item.row for item in kept], dtype=torch.int64)
    return indices, spec.collate([item.tensor for item in kept]) if kept else None, remarks

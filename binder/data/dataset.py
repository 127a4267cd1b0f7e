"""A modality's rows as a torch dataset, for one tower or one encoding pass. Floor: data; used by train and space."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from binder.data.reading import OnError, Skip, named, transform_row
from binder.data.table import PairTable
from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.types import Batch, View

Item = tuple[int, Tensor]


class ModalityDataset(Dataset[Item | Skip]):
    """Transformed samples of one modality; item i is (i, tensor), or a `Skip` saying why there is none.

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
        self._kept: dict[int, Tensor | Skip] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Item | Skip:
        found = self.kept(index)
        if found is None:
            found = self._read(index)
            if self._kept is not None:
                self._kept[index] = found
        return found if isinstance(found, Skip) else (index, found)

    def viewed(self, index: int, view: View | None) -> Item | Skip:
        """Item `index` as `view` shows it, read anew each time; the item itself where there is nothing to view."""
        if view is None or not self.spec.viewable:
            return self[index]
        found = self._read(index, view)
        return found if isinstance(found, Skip) else (index, found)

    def kept(self, index: int) -> Tensor | Skip | None:
        """What is in memory for item `index`; None where nothing is."""
        return None if self._kept is None else self._kept.get(index)

    def _read(self, index: int, view: View | None = None) -> Tensor | Skip:
        try:
            return transform_row(self.table, index, self.spec, view)
        except SampleError as error:
            if self.on_error == "raise":
                raise named(error, self.table.ids[index], self.spec.name) from error
            return Skip(self.table.ids[index], self.spec.name, str(error))


def collate_samples(items: Sequence[Item | Skip], spec: ModalitySpec) -> tuple[Tensor, Batch | None, list[Skip]]:
    """Put items of a `ModalityDataset` into a batch, skips apart.

    Returns:
        Row numbers of the batch, int64; the encoder's batch in the same order, None where every item
        was skipped; the skips.
    """
    skips = [item for item in items if isinstance(item, Skip)]
    kept = [item for item in items if not isinstance(item, Skip)]
    indices = torch.tensor([index for index, _ in kept], dtype=torch.int64)
    return indices, spec.collate([tensor for _, tensor in kept]) if kept else None, skips

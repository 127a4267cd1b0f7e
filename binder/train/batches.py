"""Which rows a step sees, and in what state. Floor: train; called by the loop.

Everything here is a function of (seed, epoch, row): a resumed run, a run with workers and a run
on N processes see the same rows with the same augmentation.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from binder.data import ModalityDataset, Skip
from binder.modality import ModalitySpec

EpochRow = tuple[int, int]  # (epoch, row of the training table)


class EpochBatches(Sampler[list[EpochRow]]):
    """One epoch of shuffled batches, this process's share of each.

    Args:
        rows: row numbers that may be trained on.
        batch_size: rows per step over all processes; a last short batch is left out, unless it
            is the only one.
        seed: of the run.
        epoch: decides the order, together with `seed`.
        start: batches already done in this epoch.
        rank: this process; it takes rows rank, rank + world, ... of each batch.
        world: number of processes.
    """

    def __init__(
        self,
        rows: np.ndarray,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.batch_size = rows, min(batch_size, len(rows))
        self.seed, self.epoch, self.start, self.rank, self.world = seed, epoch, start, rank, world

    def __len__(self) -> int:
        return len(self.rows) // self.batch_size - self.start

    def __iter__(self) -> Iterator[list[EpochRow]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)
        for number in range(self.start, len(self.rows) // self.batch_size):
            batch = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield [(self.epoch, int(row)) for row in batch[self.rank :: self.world]]


class AugmentedSamples(Dataset[tuple[int, Tensor] | Skip]):
    """A modality's samples as training sees them: transformed, then varied anew in each epoch."""

    def __init__(self, samples: ModalityDataset, spec: ModalitySpec, *, seed: int) -> None:
        self.samples, self.spec, self.seed = samples, spec, seed

    def __getitem__(self, key: EpochRow) -> tuple[int, Tensor] | Skip:
        epoch, row = key
        item = self.samples[row]
        if isinstance(item, Skip):
            return item
        state = np.random.SeedSequence((self.seed, epoch, row)).generate_state(2, np.uint32)
        generator = torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
        return row, self.spec.augment(item[1], generator)

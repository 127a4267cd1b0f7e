"""Which rows a step sees, and in what state. Floor: train; called by the loader.

Everything here is a function of (seed, epoch, row, copy): a resumed run, a run with workers and a run
on N processes see the same rows with the same augmentation.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from binder.data import ModalityDataset, Skip, Views
from binder.data.dataset import Item
from binder.modality import ModalitySpec

NOISE = 0.1  # bucketing sorts by length times a factor of 1 +- this, so that neighbours change from epoch to epoch


class Draw(NamedTuple):
    """One sample as a step sees it: `copy` counts how often the epoch has drawn this row before."""

    epoch: int
    row: int
    copy: int = 0


class EpochBatches(Sampler[list[Draw]]):
    """One epoch of shuffled batches, this process's share of each.

    With `replication` r an epoch is a chain of passes, each a permutation of the rows and the last one a
    random subset. Where two passes meet in one batch, rows that the older pass put there are moved
    further back in the younger one; so no batch holds a row twice.

    Args:
        rows: row numbers that may be trained on.
        batch_size: rows per step over all processes; a last short batch is left out, unless it
            is the only one.
        seed: of the run.
        epoch: decides the order, together with `seed`.
        start: batches already done in this epoch.
        rank: this process; it takes rows rank, rank + world, ... of each batch.
        world: number of processes.
        replication: how often an epoch draws each row, at least 1.
        lengths: float (row of the table,); batches then hold samples of similar length.
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
        replication: float = 1.0,
        lengths: np.ndarray | None = None,
    ) -> None:
        self.rows, self.batch_size, self.lengths = rows, min(batch_size, len(rows)), lengths
        self.seed, self.epoch, self.start, self.rank, self.world = seed, epoch, start, rank, world
        self.num_draws = round(len(rows) * replication)
        self.num_batches = self.num_draws // self.batch_size

    def __len__(self) -> int:
        return self.num_batches - self.start

    def __iter__(self) -> Iterator[list[Draw]]:
        chance = np.random.default_rng((self.seed, self.epoch))
        used = self.num_batches * self.batch_size
        rows = _passes(self.rows, self.num_draws, self.batch_size, chance)[:used]
        if self.lengths is not None:
            _sort_within_passes(rows, self.lengths, len(self.rows), self.batch_size, chance)
        copies = (np.arange(used) // len(self.rows)).reshape(self.num_batches, self.batch_size)
        rows = rows.reshape(self.num_batches, self.batch_size)
        # sorted batches come in random order: a loss that follows the lengths would be no loss curve
        order = np.arange(self.num_batches) if self.lengths is None else chance.permutation(self.num_batches)
        for number in order[self.start :]:
            share = slice(self.rank, None, self.world)
            pairs = zip(rows[number, share].tolist(), copies[number, share].tolist(), strict=True)
            yield [Draw(self.epoch, row, copy) for row, copy in pairs]


def _passes(rows: np.ndarray, num_draws: int, batch_size: int, chance: np.random.Generator) -> np.ndarray:
    """Permutations of `rows`, one after the other, cut at `num_draws`; no row twice in a batch."""
    order = chance.permutation(rows)
    while len(order) < num_draws:
        younger = chance.permutation(rows)
        unfinished = order[len(order) // batch_size * batch_size :]
        room = batch_size - len(unfinished)
        meets = np.isin(younger, unfinished)
        clashes = np.flatnonzero(meets[:room])
        free = room + np.flatnonzero(~meets[room:])[: len(clashes)]  # enough of them: a batch has no more than all rows
        younger[clashes], younger[free] = younger[free], younger[clashes]
        order = np.concatenate([order, younger])
    return order[:num_draws]


def _sort_within_passes(
    order: np.ndarray, lengths: np.ndarray, num_rows: int, batch_size: int, chance: np.random.Generator
) -> None:
    """Sort the whole batches of each pass by noisy length, in place; a batch between two passes stays as it is."""
    noisy = lengths[order] * (1 + chance.uniform(-NOISE, NOISE, len(order)))
    for begin in range(0, len(order), num_rows):
        end = min(begin + num_rows, len(order))
        whole = slice(-(-begin // batch_size) * batch_size, end // batch_size * batch_size)
        order[whole] = order[whole][np.argsort(noisy[whole], kind="stable")]


class AugmentedSamples(Dataset[Item | Skip]):
    """A modality's samples as training sees them: perhaps a view, transformed, then varied anew in each draw.

    Args:
        samples: read the table.
        spec: their modality.
        seed: of the run.
        views: the view that the hub has of each draw; None for whole samples.
    """

    def __init__(self, samples: ModalityDataset, spec: ModalitySpec, *, seed: int, views: Views | None = None) -> None:
        self.samples, self.spec, self.seed, self.views = samples, spec, seed, views

    def __getitem__(self, draw: Draw) -> Item | Skip:
        view = None if self.views is None else self.views.of(draw.row, self.view_number(draw))
        item = self.samples.viewed(draw.row, view)
        if isinstance(item, Skip):
            return item
        state = self._chance(draw).generate_state(2, np.uint32)
        generator = torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
        return item._replace(tensor=self.spec.augment(item.tensor, generator))

    def view_number(self, draw: Draw) -> int:
        """Which view the draw sees; 0 is the whole sample."""
        if self.views is None:
            return 0
        return self.views.number(np.random.default_rng(self._chance(draw).spawn(1)[0]))

    def _chance(self, draw: Draw) -> np.random.SeedSequence:
        return np.random.SeedSequence((self.seed, draw.epoch, draw.row, draw.copy))

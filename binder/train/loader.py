"""Gives the loop its batches, read ahead by processes that live as long as the training. Floor: train."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from binder.config import TrainConfig
from binder.data import ModalityDataset, Remark, Views, collate_samples, sample_lengths
from binder.errors import TrainingError
from binder.train.batches import AugmentedSamples, Draw, EpochBatches
from binder.types import Batch


class TrainBatch(NamedTuple):
    """What one step sees.

    Attributes:
        rows: int64 (sample,), their rows in the table.
        batch: the samples, collated; None where every one was skipped.
        remarks: samples of this step that could not be read, for which nothing stands in; notes on the others.
        views: int64 (sample,), which view each sample is; pass it to `HubTargets` with the rows.
    """

    rows: Tensor
    batch: Batch | None
    remarks: list[Remark]
    views: Tensor


class TrainLoader:
    """Batches of any epoch; made by `open_loader`.

    Worker processes start with the first epoch and stay for all of them. What comes out is a function
    of (seed, epoch, row, copy), whatever the number of workers and of training processes.

    Attributes:
        steps_per_epoch: batches of a whole epoch.
    """

    def __init__(self, samples: AugmentedSamples, plan: "_Plan", *, workers: int, prefetch: int, pin: bool) -> None:
        self.steps_per_epoch = plan.epoch.num_batches
        self._samples, self._plan = samples, plan
        self._loader = DataLoader(
            samples,
            batch_sampler=plan,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=prefetch if workers > 0 else None,
            pin_memory=pin,
            collate_fn=partial(collate_samples, spec=samples.spec),
            generator=torch.Generator(),  # else it draws from the global state, and a resumed run differs
        )

    def epoch(self, number: int, start: int = 0) -> Iterator[TrainBatch]:
        """Batches of epoch `number`, from batch `start` on."""
        self._plan.begin(number, start)
        for rows, batch, remarks in self._loader:
            draws = self._plan.asked.popleft()
            number_of = {draw.row: self._samples.view_number(draw) for draw in draws}  # no batch holds a row twice
            views = torch.tensor([number_of[row] for row in rows.tolist()], dtype=torch.int64)
            yield TrainBatch(rows, batch, remarks, views)


class _Plan(Sampler[list[Draw]]):
    """The sampler that persistent workers need: one object whose epoch can be set.

    Attributes:
        asked: batches that workers are reading or have read, oldest first.
    """

    def __init__(self, batches: "partial[EpochBatches]") -> None:
        self._batches = batches
        self.begin(0, 0)

    def begin(self, epoch: int, start: int) -> None:
        """Set what the next iteration gives."""
        self.epoch = self._batches(epoch=epoch, start=start)
        self.asked: deque[list[Draw]] = deque()

    def __iter__(self) -> Iterator[list[Draw]]:
        for draws in self.epoch:
            self.asked.append(draws)
            yield draws


def open_loader(
    samples: ModalityDataset,
    rows: np.ndarray,
    config: TrainConfig,
    *,
    seed: int,
    rank: int = 0,
    world: int = 1,
    device: torch.device | str = "cpu",
    views: Views | None = None,
) -> TrainLoader:
    """Prepare a modality's samples for training.

    Args:
        samples: of the training table.
        rows: which of them to train on, int.
        config: batch size, workers, prefetch, replication, bucketing.
        seed: of the run.
        rank: this process.
        world: number of processes; each gets its share of every batch.
        device: where batches go; memory is pinned for CUDA.
        views: of the hub's side, see `HubTargets.views`.

    Raises:
        TrainingError: bucketing where every sample has one length.
    """
    spec = samples.spec
    if config.bucket_by_length and spec.contract.length.kind != "any":
        raise TrainingError.explain(
            f"train.bucket_by_length, but every {spec.name} gets one length",
            got=f"length policy {spec.contract.length.kind!r}",
            expected="'any'",
            fix="remove train.bucket_by_length, or give the modality the option length: any if it has one",
        )
    batches = partial(
        EpochBatches,
        rows,
        config.batch_size,
        seed=seed,
        rank=rank,
        world=world,
        replication=config.replication,
        lengths=sample_lengths(samples, rows) if config.bucket_by_length else None,
    )
    return TrainLoader(
        AugmentedSamples(samples, spec, seed=seed, views=views),
        _Plan(batches),
        workers=config.workers,
        prefetch=config.prefetch,
        pin=torch.device(device).type == "cuda",
    )

"""Runs a tower over many samples. Floor: towers; called by the trainer, the run and the space."""

from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader

from binder.data import ModalityDataset, Remark, collate_samples
from binder.towers.tower import Tower
from binder.types import Batch

_Part = tuple[np.ndarray, np.ndarray, list[Remark]]


def move(batch: Batch, device: torch.device | str) -> Batch:
    """A batch, tensor or dict of tensors, on `device`."""
    if isinstance(batch, dict):
        return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
    return batch.to(device, non_blocking=True)


@torch.inference_mode()
def encode_samples(
    tower: Tower,
    samples: ModalityDataset,
    *,
    rows: np.ndarray | None = None,
    batch_size: int = 128,
    workers: int = 0,
    shared: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Remark]]:
    """Encode samples once each, in evaluation mode.

    Args:
        tower: its mode is restored afterwards.
        samples: of the tower's modality.
        rows: which of them, int; all that the table holds if None.
        batch_size: samples per forward.
        workers: processes that read.
        shared: the processes of a run share the batches, and each returns what one process alone would. All of
            them must make this call, with equal arguments, and each must hold the whole tower.
        progress: called with (samples done, samples in all) of this process after each batch.

    Returns:
        rows: int64 (n,), row numbers of the samples that could be read.
        vectors: float32 (n, dim), unit norm, in that order.
        remarks: what was left out, where the data set was told to skip, and notes on the others.
    """
    if rows is None:
        rows = np.flatnonzero(samples.table.present(tower.spec.name))
    rank, world = (dist.get_rank(), dist.get_world_size()) if shared and dist.is_initialized() else (0, 1)
    # whole batches, those that one process would have: another batch size could round in another way
    batches = [rows[start : start + batch_size].tolist() for start in range(0, len(rows), batch_size)]
    parts = _encode(tower, samples, batches[rank::world], workers, progress)
    if world > 1:
        everyone: list[list[_Part]] = [[] for _ in range(world)]
        dist.all_gather_object(everyone, parts)
        parts = [part for part in chain(*zip_longest(*everyone)) if part is not None]
    found = [np.zeros(0, np.int64), *(part[0] for part in parts)]
    vectors = [np.zeros((0, tower.dim), np.float32), *(part[1] for part in parts)]
    return np.concatenate(found), np.concatenate(vectors), [remark for part in parts for remark in part[2]]


def _encode(
    tower: Tower,
    samples: ModalityDataset,
    batches: list[list[int]],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> list[_Part]:
    """Rows, vectors and remarks of each batch."""
    training, device = tower.training, next(tower.parameters()).device
    tower.eval()
    loader = DataLoader(
        samples,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=partial(collate_samples, spec=tower.spec),
        generator=torch.Generator(),  # encoding must not move the caller's random state
    )
    parts, done, total = [], 0, sum(map(len, batches))
    for asked, (found, batch, remarks) in zip(batches, loader, strict=True):
        vectors = np.zeros((0, tower.dim), np.float32)
        if batch is not None:
            vectors = tower(move(batch, device)).cpu().numpy()
        parts.append((found.numpy(), vectors, remarks))
        done += len(asked)
        if progress is not None:
            progress(done, total)
    tower.train(training)
    return parts

"""Runs a tower over many samples. Floor: towers; called by the trainer, the run and the space."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from binder.data import ModalityDataset, Skip, collate_samples
from binder.towers.tower import Tower
from binder.types import Batch


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
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Skip]]:
    """Encode samples once each, in evaluation mode.

    Args:
        tower: its mode is restored afterwards.
        samples: of the tower's modality.
        rows: which of them, int; all that the table holds if None.
        batch_size: samples per forward.
        workers: processes that read.
        progress: called with (samples done, samples in all) after each batch.

    Returns:
        rows: int64 (n,), row numbers of the samples that could be read.
        vectors: float32 (n, dim), unit norm, in that order.
        skips: what was left out, where the data set was told to skip.
    """
    training, device = tower.training, next(tower.parameters()).device
    tower.eval()
    if rows is None:
        rows = np.flatnonzero(samples.table.present(tower.spec.name))
    loader = DataLoader(
        Subset(samples, rows.tolist()),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=partial(collate_samples, spec=tower.spec),
        generator=torch.Generator(),  # encoding must not move the caller's random state,
    )
    read, vectors, skips, done = [], [], [], 0
    for found, batch, left_out in loader:
        if len(found):
            read.append(found.numpy())
            vectors.append(tower(move(batch, device)).cpu().numpy())
        skips += left_out
        done += len(found) + len(left_out)
        if progress is not None:
            progress(done, len(rows))
    tower.train(training)
    if not read:
        return np.zeros(0, np.int64), np.zeros((0, tower.dim), np.float32), skips
    return np.concatenate(read), np.concatenate(vectors), skips

"""What a tower trains or is validated on: its samples beside the hub's vectors. Floor: train."""

from dataclasses import dataclass

import numpy as np

from binder.config import TrainConfig
from binder.data import ModalityDataset, PairTable
from binder.errors import TrainingError
from binder.hub.targets import HubTargets


@dataclass(frozen=True, kw_only=True)
class Side:
    """Rows to train or validate on.

    Attributes:
        table: the rows; the tower's modality is one of its columns.
        samples: the tower's transformed samples, by row.
        targets: the hub's vectors, by row.
        keys: int (row, anchor, rule) of what makes rows positives of each other.
        rows: which rows have both a sample and at least one hub vector.
        hub: fingerprint of the hub.
    """

    table: PairTable
    samples: ModalityDataset
    targets: HubTargets
    keys: np.ndarray
    rows: np.ndarray
    hub: str


def check_enough(name: str, train: Side, validation: Side | None, config: TrainConfig, *, processes: int) -> None:
    """Refuse what can't be trained or judged, before anything runs."""
    counts = [len(side.rows) for side in (train, validation) if side is not None]
    if min(counts) < 2:
        raise TrainingError.explain(
            f"too few pairs for {name}",
            got=f"{counts[0]} to train on" + (f", {counts[1]} to validate on" if validation is not None else ""),
            expected="at least 2 each, with both a sample and a hub vector",
            fix="check the columns and the split",
        )
    batch = min(config.batch_size, len(train.rows))
    if batch < processes:
        raise TrainingError.explain(
            f"a batch of {name} has no sample for some processes",
            got=f"{batch} samples, {processes} processes",
            fix="enlarge train.batch_size, or launch fewer processes",
        )
    if validation is None and config.patience is not None:
        raise TrainingError.explain(
            "train.patience needs a validation split",
            got=config.patience,
            fix="add the split, or set train.patience=null",
        )

"""Makes a run's objective, with the banks of its training table, one per hub modality. Floor: train."""

from dataclasses import dataclass

import numpy as np
import torch

from binder.config import LossConfig, TrainConfig
from binder.errors import TrainingError
from binder.hub.targets import HubTargets
from binder.losses import Bank, Objective
from binder.train.side import Side


@dataclass(frozen=True, kw_only=True, eq=False)
class Banks:
    """The banks of a table, and where its rows stand in them.

    Attributes:
        banks: one per anchor; none where negatives come from the batch alone.
        items: int64 (row, anchor), each row's place in its anchor's bank; -1 where it has none.
    """

    banks: tuple[Bank, ...]
    items: np.ndarray


def build_objective(
    train: Side, config: TrainConfig, loss: LossConfig, device: torch.device
) -> tuple[Objective, np.ndarray]:
    """The loss with its banks, and the place of each training row in them."""
    table = "" if loss.negatives == "batch" else train.table.fingerprint
    found = build_banks(train.targets, train.keys, train.rows, loss, hub=train.hub, table=table)
    gallery = min((len(bank) for bank in found.banks), default=0) if loss.negatives == "bank" else 0
    extra = loss.hard_negatives if loss.negatives == "hard" else 0
    negatives = (gallery or config.batch_size + extra) - 1
    banks = [bank.to(device) for bank in found.banks]
    return Objective(loss, banks, num_negatives=negatives).to(device), found.items


def build_banks(
    targets: HubTargets, keys: np.ndarray, rows: np.ndarray, config: LossConfig, *, hub: str, table: str
) -> Banks:
    """One item for each distinct set of keys: equal hub items of one label can't be told apart and count once.

    Args:
        targets: hub vectors of the training table.
        keys: int64 (row, anchor, rule), see `pair_keys`.
        rows: which rows are trained on.
        config: negatives, mask and soft targets.
        hub: fingerprint of the hub.
        table: fingerprint of the table.

    Raises:
        TrainingError: Matryoshka widths that are not smaller than the vectors.
    """
    if config.matryoshka and config.matryoshka[0] >= targets.dim:
        raise TrainingError.explain(
            "loss.matryoshka wants prefixes of the hub's vectors",
            got=list(config.matryoshka),
            expected=f"widths below {targets.dim}",
        )
    items = np.full(targets.present.shape, -1, dtype=np.int64)
    if config.negatives == "batch":
        return Banks(banks=(), items=items)
    banks = []
    for anchor in range(len(targets.anchors)):
        held = rows[targets.present[rows, anchor]]
        distinct, first, items[held, anchor] = np.unique(
            keys[held, anchor], axis=0, return_index=True, return_inverse=True
        )
        vectors = targets(held[first])[0][:, anchor]
        banks.append(Bank.build(vectors, torch.from_numpy(distinct), config, hub=hub, table=table))
    return Banks(banks=tuple(banks), items=items)

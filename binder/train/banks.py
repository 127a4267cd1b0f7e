"""Makes a run's objective, with the banks of its training table, one per hub modality. Floor: train.

A bank's constants take about item^2 dim multiplications, so they are kept in the run's folder: a run that goes
on opens them, after checking that they were computed for its hub, table, rows and loss.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from binder.config import LossConfig, TrainConfig
from binder.errors import HubMismatchError, TrainingError
from binder.losses import Bank, Objective
from binder.losses.relations import prefixes
from binder.losses.similarity import near_duplicates
from binder.losses.tiles import RowPairs
from binder.storage import hash_bytes, is_complete, new_artifact, read_manifest
from binder.train.side import Side

log = logging.getLogger(__name__)

KIND = "bank"
SHARE = 0.5  # of a GPU's free memory that a bank may take; the rest is for activations
MASKED = 0.5  # share of all pairs, above which a mask leaves too little to tell apart
SAMPLED = 1024  # rows to estimate what a mask takes
_TENSORS = "bank.safetensors"
_SETTINGS = ("kind", "negatives", "hard_negatives", "mask_above", "soft", "soft_temperature", "matryoshka")


def build_objective(
    train: Side, config: TrainConfig, loss: LossConfig, device: torch.device, *, folder: Path, write: bool
) -> tuple[Objective, np.ndarray]:
    """The loss with its banks, and each training row's place in them.

    Args:
        train: the rows that are trained on.
        config: batch size.
        loss: which loss.
        device: where it is computed.
        folder: keeps the banks.
        write: whether this process may write there.

    Returns:
        The objective, and int64 (row, anchor): places in the anchor's bank, -1 where a row has none.

    Raises:
        HubMismatchError: `folder` keeps a bank of another hub.
        TrainingError: it keeps one of another table or loss; there is a single hub item; Matryoshka widths that
            are not smaller than the vectors.
    """
    targets = train.targets
    if loss.matryoshka and loss.matryoshka[0] >= targets.dim:
        raise TrainingError.explain(
            "loss.matryoshka wants prefixes of the hub's vectors",
            got=list(loss.matryoshka),
            expected=f"widths below {targets.dim}",
        )
    if write and loss.mask_above is not None:
        _warn_of_mask(train, loss.mask_above)
    items = np.full(targets.present.shape, -1, dtype=np.int64)
    banks = []
    for anchor, name in enumerate(targets.anchors if loss.negatives != "batch" else ()):
        held, keys = train.rows[targets.present[train.rows, anchor]], train.keys[:, anchor]
        # equal hub items of one label can't be told apart and count once
        distinct, first, items[held, anchor] = np.unique(keys[held], axis=0, return_index=True, return_inverse=True)
        if len(distinct) < 2:
            raise TrainingError.explain(
                f"a bank of {name} needs items to tell apart", got=f"{len(distinct)} distinct", expected="at least 2"
            )
        vectors = targets(held[first])[0][:, anchor]
        bank = open_bank(folder / name, vectors, torch.from_numpy(distinct), loss, train=train, write=write)
        banks.append(place(bank, device))
    gallery = min((len(bank) for bank in banks), default=0) if loss.negatives == "bank" else 0
    extra = loss.hard_negatives if loss.negatives == "hard" else 0
    negatives = (gallery or config.batch_size + extra) - 1
    return Objective(loss, banks, num_negatives=negatives).to(device), items


def _warn_of_mask(train: Side, threshold: float) -> None:
    """Say so if a mask takes most of the negatives: the hub's vectors may all lie in a narrow cone."""
    rows = train.rows[:: -(-len(train.rows) // SAMPLED)]
    for anchor, name in enumerate(train.targets.anchors):
        held = rows[train.targets.present[rows, anchor]]
        vectors, keys = train.targets(held)[0][:, anchor], torch.from_numpy(train.keys[held, anchor])
        share = len(near_duplicates(vectors, vectors, keys, keys, threshold)) / max(1, len(held) * (len(held) - 1))
        if share > MASKED:
            log.warning(
                "loss.mask_above %.3g takes %.0f%% of all %s pairs for near-duplicates, and leaves few negatives",
                threshold,
                100 * share,
                name,
            )


def open_bank(
    folder: Path, vectors: torch.Tensor, keys: torch.Tensor, loss: LossConfig, *, train: Side, write: bool
) -> Bank:
    """The bank of `vectors` with the constants that `folder` keeps, or computed anew, and kept if `write`."""
    facts = {
        "hub": train.hub,
        "table": train.table.fingerprint,
        "items": hash_bytes(keys.numpy().tobytes()),
        "loss": loss.model_dump(mode="json", include=set(_SETTINGS)),
    }
    if is_complete(folder):
        _check(folder, read_manifest(folder, KIND, verify=True), facts)
        widths = tuple(prefixes(vectors, loss.matryoshka))
        return Bank(vectors=widths, keys=keys, hub=train.hub, table=facts["table"], **_read(folder, len(widths)))
    bank = Bank.build(vectors, keys, loss, hub=train.hub, table=facts["table"])
    if write:
        with new_artifact(folder, KIND, facts) as partial:
            save_file({name: tensor.contiguous().clone() for name, tensor in _constants(bank)}, partial / _TENSORS)
    return bank


def _check(folder: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse to serve what was computed for another hub, table, set of rows or loss."""
    what = {
        "hub": "the bank holds vectors of another hub",
        "table": "the bank's targets belong to another table",
        "items": "the bank was built from other rows of the table",
        "loss": "the bank's targets belong to another loss",
    }
    for name, message in what.items():
        if found[name] != expected[name]:
            kind = HubMismatchError if name == "hub" else TrainingError
            fix = f"train into another output folder, or remove {folder}, and it is built again"
            raise kind.explain(message, got=found[name], expected=expected[name], fix=fix)


def place(bank: Bank, device: torch.device) -> Bank:
    """`bank` on `device`; where that is a GPU of whose free memory it would take over half, in main memory.

    The loss then streams it in tiles, see `logsumexp_both`.
    """
    if device.type == "cuda" and bank.num_bytes > SHARE * torch.cuda.mem_get_info(device)[0]:
        return bank
    return bank.to(device)


def _constants(bank: Bank) -> list[tuple[str, torch.Tensor]]:
    return [
        *((f"targets.{width}", targets) for width, targets in enumerate(bank.targets)),
        ("counts", bank.counts),
        ("excluded.starts", bank.excluded.starts),
        ("excluded.columns", bank.excluded.columns),
        ("neighbours", bank.neighbours),
    ]


def _read(folder: Path, num_widths: int) -> dict[str, Any]:
    tensors = load_file(folder / _TENSORS)
    return {
        "targets": tuple(tensors[f"targets.{width}"] for width in range(num_widths)),
        "counts": tensors["counts"],
        "excluded": RowPairs(tensors["excluded.starts"], tensors["excluded.columns"]),
        "neighbours": tensors["neighbours"],
    }

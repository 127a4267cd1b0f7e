"""The two sides of a tower's training: its samples and the hub's vectors, row by row. Floor: run."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from rich.console import Console

from binder.config import RunConfig
from binder.data import ModalityDataset, PairTable, SampleReport, Skip
from binder.modality import ModalitySpec
from binder.run.anchors import Anchors
from binder.run.progress import track
from binder.train import Side


def build_side(
    config: RunConfig,
    spec: ModalitySpec,
    table: PairTable,
    anchors: Anchors,
    *,
    training: bool,
    report: SampleReport,
    console: Console | None,
) -> Side:
    """Pair the rows of `table` that hold the modality with the hub's vectors.

    Args:
        config: of the run; says which hub modalities, what to do with bad samples, what to keep.
        spec: the tower's modality.
        table: one split.
        anchors: give the hub's vectors.
        training: whether these rows are learned from; only they have views.
        report: gets the remarks on samples, where all are read at once.
        console: where progress is drawn.
    """
    name, data = spec.name, config.data
    hub_modalities = config.towers[name].hub_modalities
    targets = anchors.targets(hub_modalities, table, training=training)
    samples = ModalityDataset(table, spec, on_error=data.on_error, cache=data.keep_in_memory)
    rows = np.flatnonzero(table.present(name) & targets.present.any(axis=1))
    if data.keep_in_memory:
        rows = _read_all(samples, rows, report, console)
    keys = pair_keys(table, hub_modalities, config.loss_for(name).positives)
    return Side(table=table, samples=samples, targets=targets, keys=keys, rows=rows, hub=anchors.hub.fingerprint)


def _read_all(samples: ModalityDataset, rows: np.ndarray, report: SampleReport, console: Console | None) -> np.ndarray:
    """Read every sample once, before training; bad rows surface here and not an hour later."""
    good = []
    with track(console, f"reading {samples.spec.name}", len(rows)) as progress:
        for done, row in enumerate(rows, start=1):
            item = samples[int(row)]
            if isinstance(item, Skip):
                report.add(item)
            else:
                report.extend(item.notes)
                good.append(row)
            if progress is not None:
                progress(done, len(rows))
    return np.array(good, dtype=np.int64)


def pair_keys(table: PairTable, anchors: Sequence[str], positives: Literal["content", "label"]) -> np.ndarray:
    """Integers that say which rows belong together, int64 (row, anchor, rule); -1 where unknown.

    Rule 0 is the hub item's content (equal hub vectors can't be told apart), rule 1 the label.

    Args:
        table: the rows.
        anchors: hub modalities.
        positives: `label` to use both rules, `content` for the first alone.
    """
    labels = _codes(table.labels if positives == "label" and table.labels is not None else [None] * len(table))
    contents = [_codes(table.content_hashes(anchor)) for anchor in anchors]
    return np.stack([np.stack([content, labels], axis=1) for content in contents], axis=1)


def _codes(values: Sequence[str | None]) -> np.ndarray:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([-1 if value is None else numbers[value] for value in values], dtype=np.int64)

"""The loader gives the same batches with any number of workers, and its workers outlive an epoch."""

import gc
import os
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from toys import Toy, toy_samples, toy_table

from binder.config import TrainConfig
from binder.data import ModalityDataset
from binder.errors import TableError, TrainingError
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.train.loader import open_loader

ROWS = np.arange(1, 40)


@dataclass(frozen=True, kw_only=True)
class Telling(Toy):
    """Says which process augmented a sample."""

    def augment(self, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.full_like(tensor, os.getpid())


def _epochs(loader, *numbers):
    return [
        [(batch.rows, batch.batch, batch.views.tolist()) for batch in loader.epoch(number, start)]
        for number, start in numbers
    ]


@pytest.mark.parametrize("options", [{}, {"replication": 2.5}])
def test_batches_do_not_depend_on_the_number_of_workers(options):
    samples = toy_samples(toy_table(40))
    runs = []
    for workers in (0, 2):
        config = TrainConfig(batch_size=8, workers=workers, prefetch=3, **options)
        runs.append(_epochs(open_loader(samples, ROWS, config, seed=1), (0, 0), (1, 2)))
        gc.collect()
    for alone, helped in zip(*runs, strict=True):
        for (rows, batch, views), (rows_too, batch_too, views_too) in zip(alone, helped, strict=True):
            assert torch.equal(rows, rows_too) and torch.equal(batch, batch_too) and views == views_too
    assert len(runs[0][0]) == round(39 * options.get("replication", 1)) // 8 == len(runs[0][1]) + 2


def test_workers_stay_for_all_epochs_even_after_one_was_left_early():
    samples = ModalityDataset(toy_table(40), Telling())
    loader = open_loader(samples, ROWS, TrainConfig(batch_size=4, workers=1), seed=1)
    first = {int(batch.batch[0, 0, 0]) for batch in loader.epoch(0)}
    next(loader.epoch(1))
    batches = list(loader.epoch(2, 3))
    assert {int(batch.batch[0, 0, 0]) for batch in batches} == first and os.getpid() not in first
    plain = open_loader(samples, ROWS, TrainConfig(batch_size=4), seed=1)
    assert [batch.rows.tolist() for batch in batches] == [batch.rows.tolist() for batch in plain.epoch(2, 3)]
    assert loader.steps_per_epoch == 9 and len(batches) == 6
    assert all(batch.views.tolist() == [0] * 4 for batch in batches)


def test_loading_leaves_the_callers_random_state_alone():
    before = torch.get_rng_state()
    list(open_loader(toy_samples(toy_table(20)), np.arange(20), TrainConfig(batch_size=8), seed=1).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_skips_are_reported_and_never_replaced():
    table = toy_table(20)
    samples = ModalityDataset(table, Toy(limit=2.0), on_error="skip")  # some samples reach beyond 2
    bad = {index for index in range(20) if not isinstance(samples[index], tuple)}
    assert 3 < len(bad) < 17
    batches = list(open_loader(samples, np.arange(20), TrainConfig(batch_size=5), seed=1).epoch(0))
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == sorted(set(range(20)) - bad)
    assert {skip.id for batch in batches for skip in batch.remarks} == {table.ids[row] for row in bad}
    assert all(len(batch.rows) + len(batch.remarks) == 5 and len(batch.views) == len(batch.rows) for batch in batches)


def test_buckets_take_lengths_from_memory_or_from_headers(monkeypatch):
    from datasets import Dataset

    from binder.data import PairTable, sample_lengths

    table = PairTable.from_dataset(Dataset.from_dict({"text": ["a" * number for number in (5, 1, 30, 2, 8)]}))
    text, rows = create_modality("text"), np.array([0, 2, 3])
    kept = ModalityDataset(table, text, cache=True)
    for row in rows:
        kept[int(row)]
    assert sample_lengths(kept, rows).tolist() == [5, 0, 30, 2, 0]
    assert sample_lengths(ModalityDataset(table, text), rows).tolist() == [5, 0, 30, 2, 0]
    monkeypatch.setattr(type(text), "length_of", ModalitySpec.length_of)
    with pytest.raises(TableError, match=r"lengths of text are not known[\s\S]*keep_in_memory"):
        sample_lengths(ModalityDataset(table, text), rows)


def test_buckets_are_refused_where_all_samples_get_one_length():
    config = TrainConfig(batch_size=4, bucket_by_length=True)
    samples = ModalityDataset(toy_table(20), create_modality("imu"))
    with pytest.raises(TrainingError, match=r"bucket_by_length[\s\S]*expected: 'any'"):
        open_loader(samples, np.arange(20), config, seed=1)

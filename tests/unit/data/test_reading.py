"""A sample that cannot be read raises with its row's name, or becomes a skip; never another sample, never zeros."""

import gc
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from radar import FAULTS, Radar, write_broken_table
from torch.utils.data import DataLoader

from binder.data import ModalityDataset, PairTable, Skip, collate_samples, read_sample, read_tensor
from binder.errors import SampleError

SPECS = {"radar": Radar()}


@pytest.fixture
def table(tmp_path) -> PairTable:
    return PairTable.open(write_broken_table(tmp_path), specs=SPECS)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_raises_with_id_modality_got_and_fix(table, fault):
    assert len(FAULTS) == 13
    row = table.ids.index(fault)
    what, detail = FAULTS[fault]
    with pytest.raises(SampleError) as caught:
        read_tensor(table, row, Radar())
    assert str(caught.value).startswith(f"row {fault!r}, modality 'radar': {what}\n")
    assert detail in str(caught.value)
    with pytest.raises(SampleError, match=f"^row {fault!r}, modality 'radar': {what}"):
        ModalityDataset(table, Radar())[row]


def test_sound_rows_are_read_as_they_are(table):
    assert np.array_equal(read_sample(table, 0, Radar()), Radar().synthetic(0))
    assert torch.equal(read_tensor(table, len(table) - 1, Radar()), torch.from_numpy(Radar().synthetic(1)[:4]))


def test_skipping_leaves_out_exactly_the_broken_rows(table):
    dataset = ModalityDataset(table, Radar(), on_error="skip")
    items = [dataset[row] for row in range(len(dataset))]
    rows, batch, skips = collate_samples(items, Radar())
    assert rows.tolist() == [0, len(table) - 1] and rows.dtype == torch.int64
    expected = torch.stack([torch.from_numpy(Radar().synthetic(seed)[:4]) for seed in (0, 1)])
    assert torch.equal(batch, expected)
    assert [skip.id for skip in skips] == list(FAULTS)
    for skip in skips:
        assert skip.modality == "radar" and skip.reason.startswith(FAULTS[skip.id][0])


def test_a_batch_of_skips_only_has_no_tensor(table):
    rows, batch, skips = collate_samples([Skip("a", "radar", "gone")], Radar())
    assert len(rows) == 0 and batch is None and skips == [Skip("a", "radar", "gone")]


def _loader(table, on_error, workers):
    dataset = ModalityDataset(table, Radar(), on_error=on_error)
    collate = partial(collate_samples, spec=Radar())
    return DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=collate)


@pytest.mark.parametrize("workers", [0, 1])  # torch waits five seconds for every worker of a loader that failed
def test_loader_workers_keep_the_error(table, workers):
    with pytest.raises(SampleError, match="row 'missing', modality 'radar': file not found"):
        list(_loader(table, "raise", workers))
    gc.collect()  # the traceback holds the loader; forked into later workers, it would make them hang for seconds


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_workers_keep_the_skips(table, workers):
    batches = list(_loader(table, "skip", workers))
    assert sum(len(rows) for rows, _, _ in batches) == 2
    assert [skip.id for _, _, skips in batches for skip in skips] == list(FAULTS)


def test_transformed_tensors_are_kept_when_asked(table, monkeypatch):
    read = []
    original = Radar.read
    monkeypatch.setattr(Radar, "read", lambda self, source: read.append(source) or original(self, source))
    for cache, times in ((True, 1), (False, 2)):
        read.clear()
        dataset = ModalityDataset(table, Radar(), cache=cache)
        assert torch.equal(dataset[0][1], dataset[0][1]) and len(read) == times
    skipping = ModalityDataset(table, Radar(), on_error="skip", cache=True)
    assert skipping[1] == skipping[1] and isinstance(skipping[1], Skip)


@dataclass(frozen=True, kw_only=True)
class Buggy(Radar):
    def transform(self, sample):
        return sample.no_such_method()


def test_a_plugins_own_mistake_is_not_a_skip(table):
    with pytest.raises(AttributeError, match="no_such_method"):
        ModalityDataset(table, Buggy(), on_error="skip")[0]

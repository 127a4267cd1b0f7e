"""Remarks on samples travel with them, out of workers and memory, and are counted once per sample."""

import pickle
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from datasets import Dataset
from torch.utils.data import DataLoader
from toys import Toy, toy_table

from binder.data import ModalityDataset, Note, PairTable, SampleReport, Skip, collate_samples
from binder.data.remarks import note_lines

LOUD = 1.8


@dataclass(frozen=True, kw_only=True)
class Noted(Toy):
    """Says of some signals that they are loud, of others that they begin below zero, of some both."""

    def notes(self, sample: np.ndarray) -> list[str]:
        loud = [f"loud: {sample.max():.1f}", "loud: still"] if sample.max() > LOUD else []
        return [*loud, *(["low"] if sample[0, 0] < 0 else [])]


def _expected(table: PairTable) -> set[Note]:
    signals = [np.asarray(table.cell(row, "toy")) for row in range(len(table))]
    loud = {Note(id, "toy", "loud") for id, signal in zip(table.ids, signals, strict=True) if signal.max() > LOUD}
    return loud | {Note(id, "toy", "low") for id, signal in zip(table.ids, signals, strict=True) if signal[0, 0] < 0}


@pytest.mark.parametrize(("workers", "cache"), [(0, False), (0, True), (2, False)])
def test_every_note_travels_with_its_sample(workers: int, cache: bool) -> None:
    table = toy_table(20)
    samples = ModalityDataset(table, Noted(limit=2.3), on_error="skip", cache=cache)
    bad = {table.ids[row] for row in range(20) if isinstance(samples[row], Skip)}
    expected = {note for note in _expected(table) if note.id not in bad}
    assert bad and {note.kind for note in expected} == {"loud", "low"}
    loader = DataLoader(samples, 6, num_workers=workers, collate_fn=partial(collate_samples, spec=samples.spec))
    for _ in range(2):
        batches = list(loader)
        remarks = [remark for _, _, remarks in batches for remark in remarks]
        assert {remark for remark in remarks if isinstance(remark, Note)} == expected
        assert len(remarks) == len(expected) + len(bad)
        for rows, _, of_batch in batches:
            assert {one.id for one in of_batch if isinstance(one, Note)} <= {table.ids[row] for row in rows}


def test_skips_are_counted_by_fault_in_the_order_they_were_met() -> None:
    report = SampleReport()
    assert report.render_skips() == "no sample was left out" and list(report) == []
    for number in range(7):
        report.add(Skip(f"s{number}", "radar", f"empty file\n  got: f{number}"))
    report.add(Skip("s0", "radar", "another reason"))  # seen: epochs meet the same sample again
    report.add(Skip("s0", "depth", "file not found"))
    assert len(report.skips) == 8 and report.skips[-1].id == "s0"
    assert report.render_skips(limit=3) == (
        "left out 8 samples:\n  7 x radar: empty file (id s0, s1, s2 and 4 more)\n  1 x depth: file not found (id s0)"
    )
    assert report.skips_to_json()[7] == {"id": "s0", "modality": "depth", "reason": "file not found"}


def test_notes_are_counted_once_per_sample_and_kind_among_all_that_the_tables_hold() -> None:
    report = SampleReport([Note(f"a{number % 4}", "toy", "loud") for number in range(9)])
    report.extend([Note("a0", "toy", "low"), Note("a0", "text", "low"), Skip("a9", "toy", "gone")])
    rows = {"id": ["a0", "a1", "a2"], "text": ["x", None, "z"]}
    few = PairTable.from_dataset(Dataset.from_dict(rows), columns={"text": "text"})
    counts = report.count_notes([toy_table(20), few])
    assert counts == [
        {"modality": "toy", "note": "loud", "samples": 4, "of": 20, "ids": ["a0", "a1", "a2", "a3"]},
        {"modality": "toy", "note": "low", "samples": 1, "of": 20, "ids": ["a0"]},
        {"modality": "text", "note": "low", "samples": 1, "of": 22, "ids": ["a0"]},
    ]
    assert note_lines(counts, limit=2)[0] == "4 of 20 toy samples: loud (id a0, a1 and 2 more)"
    again = SampleReport(pickle.loads(pickle.dumps(list(report))))  # as processes hand them to each other
    assert list(again) == list(report)

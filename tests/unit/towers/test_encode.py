"""Encoding shared by two processes over gloo gives each of them what one process gives, bit for bit."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from datasets import Dataset
from toys import Toy, toy_samples, toy_table

from binder.data import ModalityDataset, PairTable
from binder.errors import SampleError
from binder.towers import build_tower, encode_samples


class Picky(Toy):
    """A toy that refuses samples whose first value is negative."""

    def transform(self, sample):
        if sample[0, 0] < 0:
            raise SampleError("negative")
        return super().transform(sample)


def _samples(rows: int = 23) -> ModalityDataset:
    values = np.random.default_rng(3).normal(size=(rows, 8, 2)).astype(np.float32)
    table = Dataset.from_dict({"id": [f"r{row}" for row in range(rows)], "toy": values.tolist()})
    spec = Picky()
    return ModalityDataset(
        PairTable.from_dataset(table, columns={"toy": "toy"}, specs={"toy": spec}), spec, on_error="skip"
    )


def _encode(rows: np.ndarray | None, *, shared: bool) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    counted: list[int] = []
    found, vectors, skips = encode_samples(
        build_tower(Picky(), 6, seed=1),
        _samples(),
        rows=rows,
        batch_size=4,
        shared=shared,
        progress=lambda done, total: counted.append(total),
    )
    return found, vectors, [skip.id for skip in skips], max(counted, default=0)


ROWS = [None, np.array([5, 2, 19]), np.zeros(0, np.int64)]


def _worker(rank: int, world: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    torch.save([_encode(rows, shared=True) for rows in ROWS], f"{folder}/rank{rank}")
    dist.destroy_process_group()


def test_two_processes_encode_what_one_does(tmp_path: Path) -> None:
    mp.spawn(_worker, args=(2, str(tmp_path)), nprocs=2)
    alone = [_encode(rows, shared=True) for rows in ROWS]  # no process group: nobody to share with
    ranks = [torch.load(tmp_path / f"rank{rank}", weights_only=False) for rank in range(2)]
    assert 0 < len(alone[0][2]) < 23, "some are skipped, some are not"
    for case, (rows, vectors, skips, total) in enumerate(alone):
        for rank in ranks:
            assert np.array_equal(rank[case][0], rows) and rank[case][2] == skips
            assert np.array_equal(rank[case][1], vectors)
        assert sum(rank[case][3] for rank in ranks) == total, "each encodes its own share"
    assert [rank[0][3] for rank in ranks] == [12, 11]


@pytest.mark.parametrize("batch_size", [3, 40, 128])
def test_vectors_stand_in_the_order_of_rows(batch_size: int) -> None:
    samples, tower = toy_samples(toy_table(40)), build_tower(Toy(), 6, seed=1)
    tower.train()
    rows, vectors, skips = encode_samples(tower, samples, rows=np.array([7, 0, 31, 31]), batch_size=batch_size)
    assert tower.training and rows.tolist() == [7, 0, 31, 31] and skips == []
    tower.eval()
    with torch.no_grad():
        expected = torch.cat([tower(samples[row][1][None]) for row in rows.tolist()])
    np.testing.assert_allclose(vectors, expected.numpy(), atol=1e-6)

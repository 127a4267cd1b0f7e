"""Which rows a step sees is a function of (seed, epoch), whoever asks; replication and buckets keep that."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import Toy, toy_samples, toy_table

from binder.train.batches import AugmentedSamples, Draw, EpochBatches


def _batches(num_rows: int, batch_size: int, **options) -> list[list[Draw]]:
    return list(EpochBatches(np.arange(num_rows), batch_size, **{"seed": 3, "epoch": 1, **options}))


def test_without_replication_an_epoch_is_the_permutation_it_always_was():
    order = np.random.default_rng((3, 1)).permutation(np.arange(23))
    expected = [[Draw(1, row, 0) for row in order[start : start + 5].tolist()] for start in range(0, 20, 5)]
    assert _batches(23, 5) == expected
    assert _batches(23, 5, start=2) == expected[2:] and len(EpochBatches(np.arange(23), 5, seed=0, epoch=0)) == 4
    assert len(_batches(3, 8)) == 1 and len(_batches(3, 8)[0]) == 3  # the only batch may be short


@given(st.integers(2, 40), st.integers(2, 20), st.floats(1, 6), st.integers(0, 5), st.booleans())
def test_no_batch_holds_a_row_twice_and_every_row_is_drawn_as_often_as_asked(rows, size, times, epoch, bucket):
    lengths = np.random.default_rng(0).uniform(1, 9, rows) if bucket else None
    batches = _batches(rows, size, epoch=epoch, replication=times, lengths=lengths)
    assert all(len({draw.row for draw in batch}) == len(batch) == min(size, rows) for batch in batches)
    drawn = Counter(draw.row for batch in batches for draw in batch)
    total, left_out = round(rows * times), round(rows * times) % min(size, rows)
    assert sum(drawn.values()) == total - left_out  # only the last short batch is missing
    assert max(drawn.values()) <= np.ceil(times)
    assert sum(max(0, int(times) - drawn[row]) for row in range(rows)) <= left_out
    copies = {(draw.row, draw.copy) for batch in batches for draw in batch}
    assert len(copies) == sum(drawn.values())  # each draw of a row has a number of its own


def test_the_fraction_is_another_random_part_in_each_epoch():
    parts = []
    for epoch in range(40):
        drawn = Counter(draw.row for batch in _batches(20, 5, epoch=epoch, replication=1.25) for draw in batch)
        assert sorted(drawn.values()) == [1] * 15 + [2] * 5
        parts.append(frozenset(row for row, times in drawn.items() if times == 2))
    assert len(set(parts)) > 30
    assert set().union(*parts) == set(range(20))


@pytest.mark.parametrize("options", [{}, {"replication": 2.5}, {"lengths": np.arange(30.0) ** 2}])
def test_processes_share_the_batches_of_one_and_a_resumed_epoch_goes_on(options):
    whole = _batches(30, 6, **options)
    parts = [_batches(30, 6, rank=rank, world=3, **options) for rank in range(3)]
    for number, batch in enumerate(whole):
        assert sorted(batch) == sorted(draw for part in parts for draw in part[number])
    assert _batches(30, 6, start=3, **options) == whole[3:]


def test_buckets_hold_similar_lengths_in_random_order_and_change_with_the_epoch():
    lengths = np.random.default_rng(1).lognormal(0, 0.7, 640)

    def padded(batches: list[list[Draw]]) -> float:
        rows = [np.array([draw.row for draw in batch]) for batch in batches]
        return 1 - sum(lengths[batch].sum() for batch in rows) / sum(lengths[batch].max() * 32 for batch in rows)

    bucketed, plain = _batches(640, 32, lengths=lengths), _batches(640, 32)
    assert padded(plain) > 0.7 and padded(bucketed) < 0.25
    means = [lengths[[draw.row for draw in batch]].mean() for batch in bucketed]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.6
    other = _batches(640, 32, lengths=lengths, epoch=2)
    groups = [{frozenset(draw.row for draw in batch) for batch in batches} for batches in (bucketed, other)]
    assert not groups[0] & groups[1]


def test_each_copy_of_a_row_is_augmented_anew_and_always_the_same_way():
    samples = AugmentedSamples(toy_samples(toy_table(6)), Toy(), seed=4)
    draws = [Draw(0, 2, 0), Draw(0, 2, 1), Draw(1, 2, 0), Draw(0, 3, 0)]
    tensors = [samples[draw][1] for draw in draws]
    assert all(torch.equal(samples[draw][1], tensor) for draw, tensor in zip(draws, tensors, strict=True))
    assert len({tuple(tensor.flatten().tolist()) for tensor in tensors}) == 4
    state = np.random.SeedSequence((4, 0, 2)).generate_state(2, np.uint32)  # what runs before copies existed drew
    generator = torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
    assert torch.equal(tensors[0], Toy().augment(samples.samples[2][1], generator))

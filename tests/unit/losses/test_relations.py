"""Positives, duplicates, soft targets and hard neighbours against loops."""

import pytest
import torch
from loss_oracle import agree, unit_vectors

from binder.losses.positives import Positives
from binder.losses.similarity import hard_neighbours, near_duplicates, soft_sums, soft_totals
from binder.losses.tiles import Pairs, RowPairs

# a chain: 0-1 by the first rule, 1-2 by the second, so 0 and 2 are not positives; 3 is known by no rule
CHAIN = torch.tensor([[0, 5], [0, 6], [1, 6], [-1, -1], [2, -1], [2, 6], [0, 5], [-1, 7]])


def test_positives_agree_on_any_rule_and_unknown_agrees_with_nothing() -> None:
    expected = (agree(CHAIN, CHAIN) | torch.eye(len(CHAIN), dtype=torch.bool)).double()
    positives, values = Positives(CHAIN), unit_vectors(len(CHAIN), 3, 0)
    torch.testing.assert_close(positives.counts, expected.sum(1).float())
    torch.testing.assert_close(positives.sums(values), expected @ values)


@pytest.mark.usefixtures("small_tiles")
def test_near_duplicates_are_close_and_not_declared_positives() -> None:
    rows, items = unit_vectors(8, 3, 1), unit_vectors(11, 3, 2)
    item_keys = torch.arange(22).reshape(11, 2) % 9
    found = near_duplicates(rows, items, CHAIN, item_keys, 0.6)
    expected = (rows @ items.T > 0.6) & ~agree(CHAIN, item_keys)
    assert 3 < len(found) < expected.numel()
    assert set(zip(found.rows.tolist(), found.columns.tolist(), strict=True)) == set(
        map(tuple, expected.nonzero().tolist())
    )


@pytest.mark.usefixtures("small_tiles")
def test_soft_sums_over_totals_are_the_softmax_mean() -> None:
    rows, items, values = unit_vectors(8, 3, 1), unit_vectors(11, 3, 2), unit_vectors(11, 3, 3)
    pairs = Pairs(torch.tensor([0, 7, 4]), torch.tensor([3, 10, 0]))
    logits = rows @ items.T / 0.2
    logits[pairs.rows, pairs.columns] = -torch.inf
    totals = soft_totals(rows, items, 0.2, pairs)
    torch.testing.assert_close(soft_sums(rows, items, values, 0.2, pairs) / totals[:, None], logits.softmax(1) @ values)


@pytest.mark.usefixtures("small_tiles")
def test_hard_neighbours_are_the_nearest_that_are_neither_positives_nor_duplicates() -> None:
    vectors = unit_vectors(8, 3, 4)
    found = hard_neighbours(vectors, CHAIN, 3, threshold=0.9)
    cosines = vectors @ vectors.T
    forbidden = agree(CHAIN, CHAIN) | torch.eye(8, dtype=torch.bool) | (cosines > 0.9)
    for row in range(8):
        best = sorted((j for j in range(8) if not forbidden[row, j]), key=lambda j: -cosines[row, j])[:3]
        assert found[row].tolist() == best + [row] * (3 - len(best))


def test_places_are_found_by_rows() -> None:
    pairs = Pairs(torch.tensor([2, 0, 2, 4]), torch.tensor([1, 3, 0, 4]))
    chosen = RowPairs.of(pairs, 5, torch.device("cpu")).of_rows(torch.tensor([4, 2, 1, 2]))
    assert list(zip(chosen.rows.tolist(), chosen.columns.tolist(), strict=True)) == [
        (0, 4),
        (1, 1),
        (1, 0),
        (3, 1),
        (3, 0),
    ]
    assert len(RowPairs.of(None, 5, torch.device("cpu")).of_rows(torch.tensor([4, 2]))) == 0

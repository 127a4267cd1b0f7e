"""Splits never cut a group, never lose a row, and depend on nothing but groups and seed."""

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from binder.data import Leak, PairTable, audit_leaks, split_by_group, split_by_values
from binder.errors import TableError
from binder.storage import hash_bytes


def _table(groups, texts=None, **columns) -> PairTable:
    rows = {"id": [f"r{row}" for row in range(len(groups))], "group": [str(group) for group in groups], **columns}
    return PairTable.from_dataset(Dataset.from_dict({**rows, "text": texts or rows["id"]}))


GROUPS = st.lists(st.integers(0, 12), min_size=3, max_size=60)
SHARES = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(groups=GROUPS, shares=SHARES, seed=st.integers(0, 5))
def test_every_row_in_one_split_and_every_group_in_one_split(groups, shares, seed):
    table = _table(groups)
    fractions = {f"part{number}": share / sum(shares) for number, share in enumerate(shares)}
    if len(set(groups)) < len(shares):
        with pytest.raises(TableError, match="too few groups"):
            split_by_group(table, fractions, seed=seed)
        return
    splits = split_by_group(table, fractions, seed=seed)
    assert list(splits) == list(fractions)
    assert sorted(name for part in splits.values() for name in part.ids) == sorted(table.ids)
    assert all(len(part) > 0 for part in splits.values())
    owners = {group: {name for name, part in splits.items() if group in part.groups} for group in table.groups}
    assert all(len(names) == 1 for names in owners.values())
    assert audit_leaks(splits) == []
    for name, part in splits.items():  # no share is further off than its largest group allows
        largest = max(np.unique(groups, return_counts=True)[1])
        assert abs(len(part) - fractions[name] * len(table)) <= largest * len(fractions)


@settings(max_examples=30, deadline=None)
@given(groups=GROUPS, seed=st.integers(0, 5), order=st.randoms())
def test_the_cut_depends_on_groups_and_seed_not_on_row_order(groups, seed, order):
    if len(set(groups)) < 2:
        return
    rows = list(range(len(groups)))
    order.shuffle(rows)
    table = _table(groups)
    first = split_by_group(table, {"train": 0.7, "test": 0.3}, seed=seed)
    again = split_by_group(table.select(rows), {"train": 0.7, "test": 0.3}, seed=seed)
    assert set(first["test"].ids) == set(again["test"].ids)


def test_another_seed_cuts_otherwise():
    table = _table(range(40))
    cuts = {tuple(split_by_group(table, {"a": 0.5, "b": 0.5}, seed=seed)["a"].ids) for seed in range(5)}
    assert len(cuts) == 5
    assert all(len(cut) == 20 for cut in cuts)


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_fractions_must_be_shares_of_a_whole(fractions):
    with pytest.raises(TableError, match="not shares of a whole"):
        split_by_group(_table(range(5)), fractions, seed=0)


def test_split_by_values_takes_rows_by_what_is_printed():
    table = _table(range(6), subject=[1, 2, 3, 1, 2, 4])
    splits = split_by_values(table, "subject", {"train": [1, "3"], "test": [2]})
    assert splits["train"].ids == ["r0", "r2", "r3"] and splits["test"].ids == ["r1", "r4"]


def test_split_by_values_refuses_what_is_not_there_or_there_twice():
    table = _table(range(3), subject=[1, 2, 3])
    with pytest.raises(TableError, match=r"no row has this subject[\s\S]*'9' for test[\s\S]*choices:  1, 2, 3"):
        split_by_values(table, "subject", {"train": [1], "test": [9]})
    with pytest.raises(TableError, match="one subject in two splits"):
        split_by_values(table, "subject", {"train": [1, 2], "test": [2]})
    with pytest.raises(TableError, match="no such column"):
        split_by_values(table, "person", {"train": [1]})


def test_the_audit_finds_ids_groups_and_contents_across_splits():
    table = _table([1, 1, 2, 3], texts=["a", "b", "b", "c"])
    leaks = audit_leaks({"train": table.select([0, 2]), "test": table.select([1, 3]), "more": table.select([0])})
    assert set(leaks) == {
        Leak(kind="id", modality=None, value="r0", splits=("train", "more")),
        Leak(kind="group", modality=None, value="1", splits=("train", "test", "more")),
        Leak(kind="content", modality="text", value=hash_bytes(b"a"), splits=("train", "more")),
        Leak(kind="content", modality="text", value=hash_bytes(b"b"), splits=("train", "test")),
    }
    assert {leak.kind for leak in audit_leaks({"a": table, "b": table}, contents=False)} == {"id", "group"}


def test_rows_without_groups_are_not_reported_as_shared_groups():
    table = PairTable.from_dataset(Dataset.from_dict({"text": ["a", "b"]}))
    assert {leak.kind for leak in audit_leaks({"a": table, "b": table})} == {"id", "content"}

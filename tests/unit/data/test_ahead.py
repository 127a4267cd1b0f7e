"""Reading ahead changes when samples are read, never what comes out."""

import threading
import time

import pytest

from binder.data.ahead import read_ahead


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_results_come_in_order_and_in_batches(batch_size):
    def read(item: int) -> int:
        time.sleep(0.002 * (item % 3))  # later ones finish earlier
        return item * item

    expected = [[item * item for item in range(10)[start : start + batch_size]] for start in range(0, 10, batch_size)]
    assert list(read_ahead(read, range(10), batch_size=batch_size)) == expected
    assert list(read_ahead(read, [], batch_size=batch_size)) == []


def test_the_next_batches_are_read_while_the_caller_works_and_no_more_than_two():
    read, changed = [], threading.Condition()

    def note(item: int) -> None:
        with changed:
            read.append(item)
            changed.notify_all()

    batches = read_ahead(note, range(100), batch_size=5)
    next(batches)
    with changed:  # the caller is at work; nobody asks for the second batch
        assert changed.wait_for(lambda: set(read) >= set(range(15)), timeout=30)
    time.sleep(0.05)
    assert set(read) <= set(range(15))
    batches.close()


def test_the_first_bad_item_is_the_one_that_is_raised():
    def read(item: int) -> int:
        if item in (4, 5):
            time.sleep(0.05 if item == 4 else 0)
            raise ValueError(str(item))
        return item

    batches = read_ahead(read, range(8), batch_size=2)
    assert [next(batches), next(batches)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="4"):
        next(batches)
    assert threading.active_count() < 20

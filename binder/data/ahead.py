"""Reads samples in threads, ahead of the model that takes them. Floor: data; used by hub and space.

Threads, not processes: image, audio and archive decoders and torch all release the interpreter's
lock, and what they make needs no copy to reach the model.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCHES_AHEAD = 2
_MOST_THREADS = 16  # beyond, preparing in Python waits for the interpreter's lock


def read_ahead(read: Callable[[Item], Result], items: Sequence[Item], *, batch_size: int) -> Iterator[list[Result]]:
    """Give `read(item)` of every item, in order, `batch_size` at a time; the next two batches are read meanwhile.

    Args:
        read: must be safe to call from several threads.
        items: what to read.
        batch_size: results per list; the last one may be shorter.

    Raises:
        Exception: what `read` raised, of the first such item, when its batch is asked for.
    """
    source = iter(items)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(min(_usable_cores(), _MOST_THREADS), thread_name_prefix="read_ahead")
    try:
        pending.extend(pool.submit(read, item) for item in islice(source, batch_size * (1 + _BATCHES_AHEAD)))
        while pending:
            yield [pending.popleft().result() for _ in range(min(batch_size, len(pending)))]
            pending.extend(pool.submit(read, item) for item in islice(source, batch_size))
    finally:
        pool.shutdown(cancel_futures=True)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Those who ask for one cache at once share the work: nothing twice, nothing missing, the bits of one alone.

Threads stand for processes where all must be at work at the same time: file locks know no difference.
"""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import slow_hub
from slow_hub import NUM_CONTENTS, SHARD, SlowHub

ALL = sorted(f"text {number}" for number in range(NUM_CONTENTS))


class _MeetingHub(SlowHub):
    """Waits in its first batch until all others are in theirs."""

    def __init__(self, log: Path, meeting: threading.Barrier) -> None:
        super().__init__(log)
        self._meeting: threading.Barrier | None = meeting

    def _forward(self, modality, samples):
        if self._meeting is not None:
            self._meeting.wait(timeout=60)
            self._meeting = None
        return super()._forward(modality, samples)


def test_three_share_the_shards_of_one_cache(tmp_path):
    logs, meeting = [tmp_path / f"log{number}" for number in range(3)], threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(slow_hub.build, tmp_path / "shared", _MeetingHub(log, meeting)) for log in logs]
        caches = [one.result() for one in asked]
    parts = [log.read_text().splitlines() for log in logs]
    assert sorted(line for part in parts for line in part) == ALL
    assert all(len(part) >= SHARD for part in parts)
    alone = slow_hub.build(tmp_path / "alone", SlowHub(tmp_path / "alone.log"))
    for cache in caches:
        assert np.array_equal(cache.unique_vectors, alone.unique_vectors)
        assert np.array_equal(cache.positions, alone.positions)
    assert not list((tmp_path / "shared").glob(".*.shards-*"))


def test_the_shard_of_a_killed_process_is_taken_over_by_one_that_waits(tmp_path):
    killed_log, log = tmp_path / "killed", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(Path(slow_hub.__file__).parent), "OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen([sys.executable, slow_hub.__file__, tmp_path / "cache", killed_log], env=environment)
    try:
        _wait_for(killed_log.exists)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(slow_hub.build, tmp_path / "cache", SlowHub(log))
            _wait_for(log.exists)  # both are at work now
            killed.kill()
            killed.wait()
            cache = asked.result(timeout=60)
    finally:
        killed.kill()
        killed.wait()
    lost, done = killed_log.read_text().splitlines(), log.read_text().splitlines()
    assert sorted({*lost, *done}) == ALL and len(cache.unique_vectors) == NUM_CONTENTS
    assert len(done) == len(set(done)) and len({*lost} & {*done}) <= SHARD  # at most the shard that was cut off


def _wait_for(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)

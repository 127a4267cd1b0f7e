"""A table larger than memory is mapped, not loaded."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset
from pyarrow import parquet

MIB = 1 << 20
NUM_ROWS, CELL = 96, MIB  # 96 MiB of bytes that don't compress

PROBE = """
import json, sys
from pathlib import Path
import numpy as np
from datasets import config
from binder.data import PairTable, sources

def private():  # memory that is no mapped file: what a table that is loaded would need
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

sources.IN_MEMORY_BYTES = 0
config.HF_DATASETS_CACHE = Path(sys.argv[2])
config.DEFAULT_MAX_BATCH_SIZE = 8
before = private()
table = PairTable.open(sys.argv[1])
part = table.select(np.arange(0, len(table), 2))
opened = private() - before
sizes = [len(part.cell(row, "image")) for row in range(len(part))]
hashes = len(set(table.content_hashes("image")))
read = private() - before
print(json.dumps({"opened": opened, "read": read, "cells": len(sizes), "size": sizes[-1], "hashes": hashes}))
"""


def _write(path: Path) -> Path:
    chance = np.random.default_rng(0)
    cells = [chance.bytes(CELL) for _ in range(NUM_ROWS)]
    table = pa.table({"id": [str(row) for row in range(NUM_ROWS)], "image": pa.array(cells, pa.binary())})
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=8)
    else:
        Dataset(table).save_to_disk(str(path))
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("name", ["table.parquet", "saved"])
def test_opening_and_reading_a_large_table_takes_a_part_of_its_size(tmp_path, name):
    path = _write(tmp_path / name)
    command = [sys.executable, "-c", PROBE, str(path), str(tmp_path / "cache")]
    for _ in range(2):  # the first opening of a Parquet file converts it
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["cells"], found["size"], found["hashes"]) == (NUM_ROWS // 2, CELL, NUM_ROWS)
    assert found["opened"] < NUM_ROWS * CELL / 4  # what the library itself takes is 15 MiB
    assert found["read"] < NUM_ROWS * CELL / 4  # one cell at a time

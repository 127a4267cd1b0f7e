from pathlib import Path

import pyarrow.parquet as pq
import pytest

from binder.playground import make_playground

COUNTS = {"train": 150, "validation": 42, "test": 84}


@pytest.fixture(scope="session")
def small_world(tmp_path_factory) -> Path:
    """A whole playground, small: every validation and test combination once."""
    return make_playground(tmp_path_factory.mktemp("playground") / "world", seed=3, workers=1, **COUNTS).parent


@pytest.fixture(scope="session")
def small_rows(small_world) -> list[dict]:
    rows = pq.read_table(small_world / "pairs.parquet").to_pylist()
    assert len(rows) == sum(COUNTS.values())
    return rows

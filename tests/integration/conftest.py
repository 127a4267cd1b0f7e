"""A small playground and the run on it, made once for all integration tests."""

from pathlib import Path

import pytest

from binder.playground import make_playground


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pair table of a world small enough for tests."""
    return make_playground(
        tmp_path_factory.mktemp("world") / "scenes", seed=3, train=192, validation=48, test=64, workers=1
    )

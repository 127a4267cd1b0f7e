"""A small playground and the run on it, made once for all integration tests."""

from pathlib import Path
from typing import Any

import pytest

from binder.demo import demo_config
from binder.playground import make_playground


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pair table of a world small enough for tests."""
    return make_playground(
        tmp_path_factory.mktemp("world") / "scenes", seed=3, train=192, validation=48, test=64, workers=1
    )


def small_run(
    scenes: Path, output: Path, *, towers: tuple[str, ...] = ("audio", "depth"), **sections: dict[str, Any]
) -> Any:
    """The demo's configuration with few towers and epochs; `sections` are merged over it."""
    content = demo_config(scenes, output, seed=0).to_json()
    content["towers"] = {name: tower for name, tower in content["towers"].items() if name in towers}
    content["train"] |= {"epochs": 2, "batch_size": 32, "average": None}
    content["hub"]["cache"] = str(scenes.parent / "hub_cache")
    for name, section in sections.items():
        content[name] |= section
    return content

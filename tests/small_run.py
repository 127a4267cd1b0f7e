"""The demo's run, small enough for tests. For integration tests; the `scenes` it runs on come from their conftest."""

from pathlib import Path
from typing import Any

from binder.demo import demo_config


def small_run(
    scenes: Path, output: Path, *, towers: tuple[str, ...] = ("audio", "depth"), **sections: dict[str, Any]
) -> Any:
    """The demo's configuration with few towers and epochs; `sections` are merged over it."""
    content = demo_config(scenes, output, seed=0).to_json()
    content["towers"] = {name: {**tower, "train": {}} for name, tower in content["towers"].items() if name in towers}
    content["train"] |= {"epochs": 2, "batch_size": 32, "average": None}
    content["hub"]["cache"] = str(scenes.parent / "hub_cache")
    for name, section in sections.items():
        content[name] |= section
    return content

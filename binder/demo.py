"""`binder demo`: the whole path on the playground, in one function to read. Floor: below the CLI."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from binder.config import RunConfig, parse_config
from binder.data import PairTable
from binder.evaluate import Report
from binder.playground import VISIBLE, make_playground, recipe_file
from binder.run import evaluate_run, train
from binder.run.progress import track
from binder.run.reporting import write_pages
from binder.space import Space

_SHOWN_PAIRS = (("audio", "depth"), ("depth", "thermal"), ("imu", "audio"))
_SHOWN_QUERIES, _SEARCHED = 3, 300
_FEWEST, _TEST_SCENES = 60, 600  # scenes for validation at least, and for testing


def run_demo(output: Path, *, seed: int = 0, scenes: int = 4000, console: Console) -> Report:
    """Make scenes, cache the hub, bind four sensors to images only, and judge every pair.

    A killed demo goes on where it stopped when it is started again.

    Args:
        output: gets `scenes/`, `config.yaml`, `train/`, `space/` and `report/`.
        seed: of scenes, training and intervals.
        scenes: for training; a tenth of them more for validation, 600 more for testing.
        console: where it tells what it does.
    """
    start = time.perf_counter()
    _say(console, 1, f"a world of scenes, seen by six sensors (seed {seed})")
    with track(console, "scenes", scenes) as progress:
        table = make_playground(
            output / "scenes",
            seed=seed,
            train=scenes,
            validation=max(_FEWEST, scenes // 10),
            test=_TEST_SCENES,
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    config = demo_config(table, output, seed=seed)
    _say(console, 2, "towers for audio, depth, thermal and IMU, trained against the frozen hub's images only")
    space = train(config, resume=True, console=console)
    _say(console, 3, "every ordered pair of modalities on held-out combinations of latents")
    report = evaluate_run(output, console=console)
    report.render(console)
    write_pages(output / "report", run=output, console=console)
    _show_hits(space, table, console)
    minutes = (time.perf_counter() - start) / 60
    console.print(
        f"\n{minutes:.1f} minutes. Everything is in {output}: scenes, towers, report/report.html.",
        highlight=False,
    )
    return report


def demo_config(table: Path, output: Path, *, seed: int) -> RunConfig:
    """The demo's run: the playground's recipe on this table."""
    content: dict[str, Any] = yaml.safe_load(recipe_file().read_text(encoding="utf-8"))
    content |= {"output": str(output), "seed": seed}
    content["hub"]["cache"] = str(output / "hub_cache")
    content["data"]["table"] = str(table)
    content["evaluate"]["relevance"] = {modality: list(seen) for modality, seen in VISIBLE.items()}
    return parse_config(content, origin=str(recipe_file()))


def _show_hits(space: Space, table: Path, console: Console) -> None:
    """A few emergent searches in words, so that the numbers above mean something."""
    test = PairTable.open(table).splits()["test"]
    shown = Table("sense -> sense", "sensed", "nearest of the other sense", "", title="Emergent search in test scenes")
    for query, gallery in _SHOWN_PAIRS:
        found = space.similarity(_encode(space, test, query)[:_SHOWN_QUERIES], _encode(space, test, gallery)).argmax(1)
        facts = _facts(test, [name for name in VISIBLE[query] if name in VISIBLE[gallery]])
        for row, hit in enumerate(found):
            agree = "[green]agree[/]" if facts[row] == facts[hit] else "[red]differ[/]"
            shown.add_row(f"{query} -> {gallery}", facts[row], facts[hit], agree)
    console.print(shown)


def _encode(space: Space, table: PairTable, modality: str) -> np.ndarray:
    cells = [table.cell(row, modality) for row in range(min(_SEARCHED, len(table)))]
    return space.encode(batch_size=64, **{modality: [cell for cell in cells if cell is not None]})[modality]


def _facts(table: PairTable, attributes: list[str]) -> list[str]:
    """What two senses can both know of each scene, in words."""
    columns = [table.attribute(name) for name in attributes]
    return [", ".join(str(value) for value in values) for values in zip(*columns, strict=True)]


def _say(console: Console, number: int, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/]", highlight=False)

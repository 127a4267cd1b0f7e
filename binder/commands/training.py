"""Commands that make spaces: demo, train, cache, merge."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import Overrides, console


def demo(
    output: Annotated[Path, typer.Option(help="folder for scenes, towers and report")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="of scenes, training and intervals")] = 0,
    scenes: Annotated[int, typer.Option(min=64, help="training scenes; fewer is faster and worse")] = 4000,
) -> None:
    """Make a world of scenes, bind four sensors to images, and print the certified matrix."""
    from binder.demo import run_demo

    run_demo(output, seed=seed, scenes=scenes, console=console)


def train(
    config: Annotated[Path, typer.Argument(help="a YAML run configuration, e.g. one of configs/")],
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on where a killed run stopped")] = False,
) -> None:
    """Train every tower of a run against its hub."""
    from binder.config import load_config
    from binder.run import train

    settings = load_config(config, overrides or [])
    space = train(settings, resume=resume, console=console)
    console.print(
        f"{space}\nsaved in {settings.output / 'space'}; next: binder eval {settings.output}", highlight=False
    )


def cache(
    config: Annotated[Path, typer.Argument(help="a YAML run configuration")],
    overrides: Overrides = None,
) -> None:
    """Embed the hub side of a run's table; training does this too, but this can run ahead of it."""
    from binder.config import load_config
    from binder.run import build_caches

    for name, folder in build_caches(load_config(config, overrides or []), console=console).items():
        console.print(f"{name}: {folder}", highlight=False)


def merge(
    output: Annotated[Path, typer.Argument(help="folder of the new space")],
    spaces: Annotated[list[Path], typer.Argument(help="two or more run or space folders with the same hub")],
) -> None:
    """Put towers that were trained apart into one space; refused if their hubs differ."""
    from binder.space import Space

    space = Space.load(*spaces)
    space.save(output)
    console.print(f"{space}\nsaved in {output}", highlight=False)

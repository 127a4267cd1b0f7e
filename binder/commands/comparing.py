"""Commands that set spaces side by side: compare, curve."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import console


def compare(
    a: Annotated[str, typer.Argument(help="reports or runs; several seeds with commas between")],
    b: Annotated[str | None, typer.Argument(help="the other side; without it, A's seeds are aggregated")] = None,
    table: Annotated[str | None, typer.Option(help="evaluate these spaces on a pair table first")] = None,
    split: Annotated[str | None, typer.Option(help="with --table: value of its column split")] = None,
    relevance: Annotated[str, typer.Option(help="with --table: id, label, or YAML as for binder eval")] = "id",
    metric: Annotated[str, typer.Option(help="that is printed; the file has all")] = "mAP",
    shown: Annotated[int, typer.Option(min=0, help="changed queries that are printed per cell")] = 3,
    bootstrap: Annotated[int, typer.Option(min=100, help="draws for the intervals")] = 1000,
    output: Annotated[Path | None, typer.Option(help="write everything here, as JSON")] = None,
    device: Annotated[str, typer.Option(help="with --table: cpu, cuda, cuda:1, mps")] = "cpu",
) -> None:
    """Is B better than A? Differences query by query: interval, p, and which queries changed."""
    from binder.evaluate.seeds import Seeds
    from binder.run.comparing import compare, print_comparison, print_seeds, save_comparison

    sides = [[Path(part) for part in side.split(",")] if side else [] for side in (a, b)]
    options = {"split": split, "relevance": relevance, "device": device} if table else {}
    found = compare(sides[0], sides[1], table=table, bootstrap=bootstrap, console=console, **options)
    if isinstance(found, Seeds):
        print_seeds(found, console, metric=metric)
    else:
        print_comparison(found, console, metric=metric, shown=shown)
    if output is not None:
        save_comparison(found, output)
        console.print(f"saved in {output}", highlight=False)


def curve(
    config: Annotated[Path, typer.Argument(help="a YAML run configuration")],
    overrides: Annotated[list[str] | None, typer.Argument(help="KEY.SUBKEY=VALUE, e.g. train.epochs=3")] = None,
    fractions: Annotated[str, typer.Option(help="shares of the training rows, with commas between")] = ".1,.25,.5,1",
    metric: Annotated[str, typer.Option(help="mAP, hit@1, ...")] = "mAP",
    goal: Annotated[float | None, typer.Option(help="a score: how many pairs does it need?")] = None,
) -> None:
    """Train on nested parts of the training rows; how would more pairs do? Goes on where it was stopped."""
    from binder.config import load_config
    from binder.errors import ConfigError
    from binder.run.curves import learning_curve, print_curve

    try:
        shares = [float(part) for part in fractions.split(",")]
    except ValueError:
        raise ConfigError.explain("not fractions", got=fractions, expected="numbers with commas, .1,.25,.5,1") from None
    settings = load_config(config, overrides or [])
    print_curve(learning_curve(settings, shares, metric=metric, goal=goal, console=console), console)
    console.print(f"saved in {settings.output / 'curve.json'}", highlight=False)

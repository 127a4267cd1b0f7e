"""Commands beside `binder eval`: parse, call, print. Floor: below the CLI, which registers them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


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

    console = Console()
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
    console, settings = Console(), load_config(config, overrides or [])
    print_curve(learning_curve(settings, shares, metric=metric, goal=goal, console=console), console)
    console.print(f"saved in {settings.output / 'curve.json'}", highlight=False)


Where = Annotated[Path, typer.Argument(help="a run, or a space together with --table")]
OnTable = Annotated[str | None, typer.Option(help="a pair table with a column split; a run's own by default")]
Split = Annotated[str | None, typer.Option(help="rows to test on; the run's choice, or test")]
Label = Annotated[str, typer.Option(help="column of the labels; cells may hold lists")]
Names = Annotated[Path | None, typer.Option(help="YAML mapping class: [names]; the labels themselves by default")]
Templates = Annotated[str | None, typer.Option(help="prompt templates, by name or YAML file")]
Output = Annotated[Path | None, typer.Option(help="write everything here, as JSON")]


def classify(
    path: Where,
    modality: Annotated[str, typer.Argument(help="whose samples are classified")],
    table: OnTable = None,
    split: Split = None,
    label: Label = "label",
    names: Names = None,
    templates: Templates = None,
    separator: Annotated[str, typer.Option(help="between several labels of a text cell")] = "",
    output: Output = None,
) -> None:
    """Zero-shot classification by class names: top-1, top-5, macro, mAP, with intervals and the certificate."""
    from binder.run.protocol_tables import print_zero_shot, read_names, save
    from binder.run.protocols import ClassNames, Setting
    from binder.run.protocols import classify as run

    console = Console()
    asked = ClassNames(label=label, names=read_names(names), templates=templates, separator=separator)
    found = run(Setting.open(path, table, split=split, console=console), modality, asked)
    print_zero_shot(found, console)
    save(found, output, console)


def probe(
    path: Where,
    modality: Annotated[str, typer.Argument(help="whose vectors are probed")],
    table: OnTable = None,
    split: Split = None,
    label: Label = "label",
    names: Names = None,
    templates: Templates = None,
    shots: Annotated[str, typer.Option(help="labelled items per class, with commas between")] = "1,2,4,8,16",
    draws: Annotated[int, typer.Option(min=1, help="of shots")] = 5,
    output: Output = None,
) -> None:
    """Few-shot linear probe beside the zero-shot line and the untrained twin."""
    from binder.run.protocol_tables import print_probe, read_names, save
    from binder.run.protocols import ClassNames, Setting
    from binder.run.protocols import probe as run

    console = Console()
    asked = ClassNames(label=label, names=read_names(names), templates=templates)
    counts = [int(one) for one in shots.split(",")]
    found = run(Setting.open(path, table, split=split, console=console), modality, asked, shots=counts, num_draws=draws)
    print_probe(found, console)
    save(found, output, console)


def combine(
    path: Where,
    parts: Annotated[str, typer.Argument(help="modalities of the query, e.g. audio+text or audio=3+text=1")],
    gallery: Annotated[str, typer.Argument(help="modality that answers")],
    table: OnTable = None,
    split: Split = None,
    relevance: Annotated[str, typer.Option(help="id, label, or YAML as for binder eval")] = "id",
    choose_on: Annotated[str | None, typer.Option(help="a hub modality: weights are chosen on validation rows")] = None,
    centre: Annotated[bool, typer.Option("--centre", help="take training means off first")] = False,
    output: Output = None,
) -> None:
    """Retrieval by weighted sums of several modalities, beside each part alone."""
    import yaml

    from binder.run.protocol_tables import print_combined, read_parts, save
    from binder.run.protocols import Setting, combined

    console, (listed, weights) = Console(), read_parts(parts)
    found = combined(
        Setting.open(path, table, split=split, console=console), listed, gallery,
        relevance=yaml.safe_load(relevance), weights=weights, choose_on=choose_on, centre=centre,
    )  # fmt: skip
    print_combined(found, console)
    save(found, output, console)

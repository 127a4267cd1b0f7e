"""The command line: parse, call, print. Top floor; nothing imports it.

Rooms are imported inside the commands, so that `binder --help` answers without loading torch.
"""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from binder.cli_correct import correct
from binder.cli_evaluate import classify, combine, compare, curve, probe
from binder.commands import certify, merge
from binder.errors import BinderError

_WIDE = 140  # columns of a terminal that shows all of a table

app = typer.Typer(
    help="Bind any modality to a frozen hub encoder, and prove what emerges.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (correct, certify, merge, compare, curve, classify, probe, combine):
    app.command()(command)
_is_main_process = os.environ.get("RANK", "0") == "0"  # set by accelerate launch and torchrun
console = Console(quiet=not _is_main_process)

Overrides = Annotated[list[str] | None, typer.Argument(help="KEY.SUBKEY=VALUE, e.g. train.epochs=3")]
Markdown = Annotated[bool, typer.Option("--markdown", help="the whole table, as docs/ has it")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps")]


def main() -> None:
    """Run a command; a `BinderError` becomes a message and exit code 1."""
    try:
        app()
    except BinderError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from None


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="folder for scenes, towers and report")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="of scenes, training and intervals")] = 0,
    scenes: Annotated[int, typer.Option(min=64, help="training scenes; fewer is faster and worse")] = 4000,
) -> None:
    """Make a world of scenes, bind four sensors to images, and print the certified matrix."""
    from binder.demo import run_demo

    run_demo(output, seed=seed, scenes=scenes, console=console)


@app.command()
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


@app.command(name="eval")
def evaluate(
    path: Annotated[Path, typer.Argument(help="a run folder, or a space folder together with --table")],
    table: Annotated[str | None, typer.Option(help="another pair table than the run's own")] = None,
    split: Annotated[
        str | None, typer.Option(help="rows to test on; default: the run's choice, or all rows of --table")
    ] = None,
    relevance: Annotated[
        str, typer.Option(help="with --table: id, label, or a YAML mapping modality: [columns]")
    ] = "id",
    group: Annotated[str | None, typer.Option(help="with --table: column of recordings, people or places")] = None,
    label: Annotated[str | None, typer.Option(help="with --table: column of labels")] = None,
    templates: Annotated[
        str | None, typer.Option(help="with --table: prompt templates for its texts, by name or YAML file")
    ] = None,
    skip: Annotated[bool, typer.Option("--skip", help="with --table: leave bad samples out and list them")] = False,
    output: Annotated[Path | None, typer.Option(help="report folder; default: PATH/report")] = None,
    floor: Annotated[
        bool, typer.Option("--floor", help="of a run: set it beside ridge regression on its untrained encoders")
    ] = False,
    ceiling: Annotated[
        list[str] | None, typer.Option(help="A-B, of a run: set it beside A trained on pairs with B itself; trains")
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="a benchmark record, NAME-vN (see binder benchmarks), together with --data")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="with --benchmark: the folder that its preparation wrote")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="with --benchmark: refuse another table than the record's")
    ] = False,
    device: Device = "cpu",
) -> None:
    """Encode every modality once and print the certified matrix of all ordered pairs."""
    from binder.run import evaluate_run, evaluate_space_on
    from binder.run.references import add_references

    target = output or path / "report"
    if benchmark is not None:
        _evaluate_benchmark(path, benchmark, data, target, strict=strict, skip=skip, device=device)
        return
    if table is None:
        report = evaluate_run(path, split=split, output=target, device=device, console=console)
        if floor or ceiling:
            report = add_references(path, report, floor=floor, ceilings=ceiling or [], output=target, console=console)
    else:
        report = evaluate_space_on(
            path,
            table,
            split=split,
            relevance=relevance,
            output=target,
            group=group,
            label=label,
            templates=templates,
            on_error="skip" if skip else "raise",
            device=device,
            console=console,
        )
    report.render(console)
    console.print(f"saved in {target}", highlight=False)


def _evaluate_benchmark(
    path: Path, name: str, data: Path | None, output: Path, *, strict: bool, skip: bool, device: str
) -> None:
    from binder.evaluate.benchmarks import benchmark_lines, open_benchmark
    from binder.run.benchmarks import evaluate_benchmark
    from binder.space import Space

    record = open_benchmark(name)
    if data is None:
        raise typer.BadParameter(f"--data FOLDER is needed; prepare it: {record.prepare}")
    on_error = "skip" if skip else "raise"
    space = Space.load(path, device=device)
    report = evaluate_benchmark(space, record, data, strict=strict, on_error=on_error, console=console)
    report.save(output)
    report.render(console)
    console.print("\n".join(benchmark_lines(report.facts["benchmark"])), markup=False, highlight=False)
    console.print(f"saved in {output}", highlight=False)


@app.command()
def cache(
    config: Annotated[Path, typer.Argument(help="a YAML run configuration")],
    overrides: Overrides = None,
) -> None:
    """Embed the hub side of a run's table; training does this too, but this can run ahead of it."""
    from binder.config import load_config
    from binder.run import build_caches

    for name, folder in build_caches(load_config(config, overrides or []), console=console).items():
        console.print(f"{name}: {folder}", highlight=False)


@app.command()
def push(
    path: Annotated[Path, typer.Argument(help="a run or space folder; a report in PATH/report goes onto the card")],
    name: Annotated[str, typer.Argument(help="ORG/NAME on the model hub")],
    licence: Annotated[str | None, typer.Option(help="of the whole, as the hub spells it, e.g. cc-by-4.0")] = None,
    private: Annotated[bool, typer.Option("--private", help="if the repository is new")] = False,
) -> None:
    """Publish a space on a model hub, with a card written from its ledgers."""
    from binder.evaluate import Report
    from binder.space import Space
    from binder.storage import is_complete

    report = Report.load(path / "report") if is_complete(path / "report") else None
    address = Space.load(path).push_to_hub(name, report=report, licence=licence, private=private or None)
    console.print(address, highlight=False)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="a run or space folder")],
    modality: Annotated[str, typer.Argument(help="whose tower to export")],
    output: Annotated[Path, typer.Argument(help="a folder for the program and export.json")],
    file_format: Annotated[str, typer.Option("--format", help="onnx, or torch for a .pt2")] = "onnx",
) -> None:
    """Write a tower as a program that runs without binder, after comparing the two."""
    from binder.interop.export import export_tower
    from binder.space import Space

    parity = export_tower(Space.load(path), modality, output, file_format=file_format)
    console.print(
        f"{parity.samples} samples: largest difference {parity.largest_difference:.1e}, smallest cosine "
        f"{parity.smallest_cosine:.7f}\nsaved in {output}",
        highlight=False,
    )


@app.command()
def vectors(
    path: Annotated[Path, typer.Argument(help="a run or space folder")],
    table: Annotated[str, typer.Argument(help="the pair table to embed")],
    output: Annotated[Path, typer.Argument(help="a folder in the layout of clip-retrieval")],
    modalities: Annotated[str, typer.Option(help="which, with commas")] = "image,text",
) -> None:
    """Embed a table into a folder that clip-retrieval can index and serve."""
    from binder.data import PairTable
    from binder.interop.clip_retrieval import write_folder
    from binder.space import Space

    names = modalities.split(",")
    rows = write_folder(Space.load(path), PairTable.open(table), output, modalities=names)
    console.print(f"{rows} rows saved in {output}", highlight=False)


@app.command(name="import")
def import_checkpoint(
    layout: Annotated[str, typer.Argument(help="imagebind, languagebind or clap")],
    path: Annotated[Path, typer.Argument(help="the published checkpoint: a file, or a folder with its branches")],
    output: Annotated[Path, typer.Argument(help="a new folder for hub and space")],
    options: Annotated[list[str] | None, typer.Argument(help="MODALITY.OPTION=VALUE, e.g. depth.focal_px=575")] = None,
) -> None:
    """Turn another project's published checkpoint into a space, and say what its licence and release leave out."""
    from binder.importers import import_layout

    imported = import_layout(layout, path, output, options or [])
    for note in imported.notes:
        console.print(f"- {note}", highlight=False)
    console.print(f"{imported.space}\nsaved in {imported.folder}", highlight=False)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="a modality, module:OBJECT, or a hub as SCHEME:MODEL")],
    options: Annotated[list[str] | None, typer.Argument(help="OPTION=VALUE of a modality, e.g. resample=true")] = None,
    data: Annotated[str | None, typer.Option(help="also read all its samples in this table")] = None,
    show: Annotated[Path | None, typer.Option(help="also show one synthetic sample in this HTML page")] = None,
) -> None:
    """Hold a modality or a hub to its contract, line by line; say which samples of a table are bad or odd."""
    from binder.check import check_name

    page = None
    if show is not None:
        from binder.report.media import write_page

        page = partial(write_page, show, name=f"synthetic {name}")
    lines = check_name(name, options=options or [], data=data, show=page)
    table = Table("check", "", "detail", title=f"binder check {name}", title_justify="left")
    for line in lines:
        table.add_row(line.name, "[green]ok[/]" if line.passed else "[bold red]FAIL[/]", line.detail)
    console.print(table)
    if not all(line.passed for line in lines):
        raise typer.Exit(1)


@app.command()
def modalities(markdown: Markdown = False) -> None:
    """List the registered modalities and what their samples must be."""
    from binder.catalogue import modality_rows

    _print_rows(modality_rows(), ("modality", "sample", "unit", "range", "rate"), ("extra", "from"), markdown)


@app.command()
def hubs(markdown: Markdown = False) -> None:
    """List the hub adapters and what they embed."""
    from binder.catalogue import hub_rows

    _print_rows(hub_rows(), ("hub", "what it is", "native modalities"), ("extra",), markdown)


@app.command()
def benchmarks(markdown: Markdown = False) -> None:
    """List the benchmark records: what is asked, the number to quote, where the data come from."""
    from binder.catalogue import benchmark_rows

    _print_rows(benchmark_rows(), ("benchmark", "task", "headline", "rows"), ("what it is",), markdown)


def _print_rows(rows: list[dict[str, str]], columns: tuple[str, ...], if_wide: tuple[str, ...], markdown: bool) -> None:
    if markdown:
        from binder.catalogue import to_markdown

        typer.echo(to_markdown(rows), nl=False)
        return
    columns += if_wide if console.width >= _WIDE else ()
    table = Table(*columns)
    table.columns[0].no_wrap = True
    table.columns[-1].overflow = "fold"  # what one has to type is not cut off
    for row in rows:
        table.add_row(*(escape(row[column].replace("`", "")) for column in columns))
    console.print(table)

"""Commands that look at what is registered: check, modalities, hubs, benchmarks."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from binder.commands.common import console

_WIDE = 140  # columns of a terminal that shows all of a table

Markdown = Annotated[bool, typer.Option("--markdown", help="the whole table, as docs/ has it")]


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


def modalities(markdown: Markdown = False) -> None:
    """List the registered modalities and what their samples must be."""
    from binder.catalogue import modality_rows

    _print_rows(modality_rows(), ("modality", "sample", "unit", "range", "rate"), ("extra", "from"), markdown)


def hubs(markdown: Markdown = False) -> None:
    """List the hub adapters and what they embed."""
    from binder.catalogue import hub_rows

    _print_rows(hub_rows(), ("hub", "what it is", "native modalities"), ("extra",), markdown)


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

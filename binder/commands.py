"""Commands with more to say than `cli` has room for; it gathers them. Floor: just below the CLI."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def certify(
    path: Annotated[Path | None, typer.Argument(help="a run or space folder")] = None,
    table: Annotated[str | None, typer.Argument(help="the pair table to be tested on")] = None,
    split: Annotated[str | None, typer.Option(help="value of the table's column `split`; all rows by default")] = None,
    prototypes: Annotated[
        bool, typer.Option("--prototypes", help="relevance by label: shared captions may be known")
    ] = False,
    hub_vectors: Annotated[
        bool, typer.Option("--hub-vectors", help="embed the hub's modalities to compare them")
    ] = False,
    sources: Annotated[Path | None, typer.Option(help="YAML of what pretrained weights were trained on")] = None,
    json: Annotated[Path | None, typer.Option(help="write the certificate here, for others to verify")] = None,
    verify: Annotated[Path | None, typer.Option(help="derive this certificate's verdicts from its hashes")] = None,
) -> None:
    """Say of every pair whether it was trained, directly or not, and whether the table's samples were seen.

    Exit code 0: no pair is tainted, or the certificate holds; 1: some pair is, or it does not hold. With PATH and
    TABLE, --verify also makes the certificate again and compares.
    """
    from binder.run.certifying import certify_table, check_record, print_record, save_record

    if verify is None and (path is None or table is None):
        raise typer.BadParameter("give PATH and TABLE, or --verify FILE")
    console, record = Console(), None
    if path is not None and table is not None:
        options = {"by_id": not prototypes, "hub_vectors": hub_vectors, "sources": sources}
        record = certify_table(path, table, split=split, console=console, **options)
    if verify is not None:
        raise typer.Exit(check_record(verify, record, console))
    assert record is not None
    if json is not None:
        save_record(record, json)
    raise typer.Exit(print_record(record, console))


def merge(
    output: Annotated[Path, typer.Argument(help="folder of the new space")],
    spaces: Annotated[list[Path], typer.Argument(help="two or more run or space folders with the same hub")],
) -> None:
    """Put towers that were trained apart into one space; refused if their hubs differ."""
    from binder.space import Space

    space = Space.load(*spaces)
    space.save(output)
    Console().print(f"{space}\nsaved in {output}", highlight=False)

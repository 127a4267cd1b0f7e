"""Commands that carry spaces elsewhere: push, export, vectors, import."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import console


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

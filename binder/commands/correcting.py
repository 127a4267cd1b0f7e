"""The command `correct`."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import Device, console


def correct(
    path: Annotated[Path, typer.Argument(help="a run or space folder")],
    table: Annotated[
        str | None, typer.Argument(help="a pair table with a column split; a run's own by default")
    ] = None,
    candidates: Annotated[
        str | None, typer.Option(help="with spaces between: centre, csls, nnn:alpha=0.5, centre+qb-norm, ...")
    ] = None,
    relevance: Annotated[str | None, typer.Option(help="id, label, or a YAML mapping modality: [columns]")] = None,
    group: Annotated[str | None, typer.Option(help="with a table: column of recordings, people or places")] = None,
    label: Annotated[str | None, typer.Option(help="with a table: column of labels")] = None,
    skip: Annotated[bool, typer.Option("--skip", help="leave bad samples out")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="decide, and store nothing")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="take a stored correction out, and nothing else")] = False,
    device: Device = "cpu",
) -> None:
    """Choose a correction of vectors or scores on validation hub pairs; it stays with the space, or raw does."""
    import yaml

    from binder.publish import find_space, store_correction
    from binder.run.correcting import CANDIDATES, CorrectSettings, render_choice
    from binder.run.correcting import correct as choose

    if remove:
        store_correction(find_space(path), None)
        console.print(f"{path}: vectors and scores are raw", highlight=False)
        return
    settings = CorrectSettings(
        candidates=candidates.split() if candidates else CANDIDATES,
        relevance=yaml.safe_load(relevance) if relevance else None,
        group=group,
        label=label,
        on_error="skip" if skip else "raise",
        device=device,
    )
    render_choice(choose(path, table, settings, dry_run=dry_run, console=console), console)
    console.print("nothing stored" if dry_run else f"saved in {find_space(path)}", highlight=False)

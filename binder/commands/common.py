"""What commands share: the console, and options that mean the same everywhere."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_is_main_process = os.environ.get("RANK", "0") == "0"  # set by accelerate launch and torchrun
console = Console(quiet=not _is_main_process)

Overrides = Annotated[list[str] | None, typer.Argument(help="KEY.SUBKEY=VALUE, e.g. train.epochs=3")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps")]
Output = Annotated[Path | None, typer.Option(help="write everything here, as JSON")]

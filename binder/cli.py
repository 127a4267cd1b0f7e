"""The command line: gathers the commands. Top floor; nothing imports it."""

import typer
from rich.console import Console

from binder.commands import comparing, correcting, evaluating, looking, protocols, sharing, training
from binder.errors import BinderError

app = typer.Typer(
    help="Bind any modality to a frozen hub encoder, and prove what emerges.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (training.demo, training.train):
    app.command()(command)
app.command(name="eval")(evaluating.evaluate)
for command in (
    evaluating.report, evaluating.certify, comparing.compare, comparing.curve,
    protocols.classify, protocols.probe, protocols.combine,
    correcting.correct, training.merge, training.cache,
    looking.check, looking.modalities, looking.hubs, looking.benchmarks,
    sharing.push, sharing.export, sharing.vectors,
):  # fmt: skip
    app.command()(command)
app.command(name="import")(sharing.import_checkpoint)


def main() -> None:
    """Run a command; a `BinderError` becomes a message and exit code 1."""
    try:
        app()
    except BinderError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from None

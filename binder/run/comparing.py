"""`compare`: two spaces, or two sets of seeds, from their reports or on a table. Floor: run; called by the CLI."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from binder.errors import ArtifactError
from binder.evaluate import Report
from binder.evaluate.compare import Change, Comparison, Difference, compare_reports
from binder.evaluate.scoring import Estimate
from binder.evaluate.seeds import OverSeeds, Seeds, aggregate_seeds
from binder.run.evaluation import evaluate_space_on
from binder.storage import is_complete, read_json, write_json

CLEAR = 0.05  # of p after Holm: cells whose changed queries are printed


def compare(
    a: Sequence[Path],
    b: Sequence[Path] = (),
    *,
    table: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    console: Console | None = None,
    **options: Any,
) -> Comparison | Seeds:
    """Compare B with A, or aggregate the seeds of A where there is no B.

    Args:
        a: reports, runs with a report, or (with `table`) runs or spaces; several are seeds of one experiment.
        b: the other side.
        table: evaluate all of them on this table first.
        bootstrap: draws of groups and seeds.
        seed: of the draws.
        console: where progress is drawn.
        options: of `evaluate_space_on`, with `table`; `split` and `relevance` at least.

    Raises:
        ArtifactError: no report there.
        MetricError: reports that cannot be compared.
    """
    sides = [[_report(path, table, options, console) for path in side] for side in (a, b)]
    if not b:
        return aggregate_seeds(sides[0], num_bootstrap=bootstrap, seed=seed)
    names = (", ".join(map(str, a)), ", ".join(map(str, b)))
    return compare_reports(*sides, names=names, num_bootstrap=bootstrap, seed=seed)


def save_comparison(found: Comparison | Seeds, path: Path) -> None:
    """Write all of it as JSON."""
    write_json(path, TypeAdapter(type(found)).dump_python(found, mode="json"))


def print_comparison(found: Comparison, console: Console, *, metric: str, shown: int) -> None:
    """Print headlines and cells for one metric, and the queries that changed most in the cells that differ clearly."""
    console.print(f"A = {found.a}\nB = {found.b}", markup=False, highlight=False)
    table = Table("", "A", "B", "B - A", "95 %", "p", "p Holm", "won", "lost", title=metric, title_justify="left")
    for headline in found.headlines:
        if metric in headline.differences:
            table.add_row(f"mean of {headline.name}", *_columns(headline.differences[metric]), "", "", style="bold")
    for cell in found.cells:
        if metric in cell.differences:
            name = f"{cell.query} -> {cell.gallery}" + ("" if cell.status_a == cell.status_b else f" ({cell.status_b})")
            table.add_row(name, *_columns(cell.differences[metric]), str(cell.num_won), str(cell.num_lost))
    console.print(table)
    clear = [cell for cell in found.cells if _is_clear(cell.differences.get(metric))]
    for cell in clear:
        for word, changes in (("won", cell.won[:shown]), ("lost", cell.lost[:shown])):
            if changes:
                listed = "; ".join(map(_moved, changes))
                console.print(f"{cell.query} -> {cell.gallery} {word}: {listed}", markup=False, highlight=False)
    if not clear:
        console.print(f"no cell differs clearly (p Holm below {CLEAR})", highlight=False)
    _say(found.statements, console)


def print_seeds(found: Seeds, console: Console, *, metric: str) -> None:
    """Print headlines and cells for one metric."""
    table = Table("", "mean", "sd", "95 %", "seeds", title=f"{metric}, {found.num_seeds} seeds", title_justify="left")
    for style, cells in (("bold", found.headlines), (None, found.cells)):
        for cell in cells:
            if metric in cell.metrics:
                name = f"mean of {cell.name}" if cell.cells else f"{cell.name} ({cell.status})"
                table.add_row(name, *_seeds_columns(cell.metrics[metric]), style=style)
    console.print(table)
    _say(found.statements, console)


def _report(path: Path, table: str | None, options: dict[str, Any], console: Console | None) -> Report:
    if table is not None:
        with tempfile.TemporaryDirectory() as scratch:
            return evaluate_space_on(path, table, output=Path(scratch) / "report", console=console, **options)
    for folder in (path, path / "report"):
        if is_complete(folder) and read_json(folder / "manifest.json").get("kind") == "report":
            return Report.load(folder)
    raise ArtifactError.explain(
        "no report here", got=path, expected="a report, or a run with one", fix="run binder eval, or give --table"
    )


def _columns(one: Difference) -> tuple[str, ...]:
    return f"{one.a:.3f}", f"{one.b:.3f}", f"{one.gap.value:+.3f}", _bounds(one.gap), _p(one.p), _p(one.p_holm)


def _seeds_columns(one: OverSeeds) -> tuple[str, ...]:
    interval = Estimate(value=one.mean, low=one.low, high=one.high)
    return f"{one.mean:.3f}", f"{one.deviation:.3f}", _bounds(interval), " ".join(f"{v:.3f}" for v in one.values)


def _bounds(one: Estimate) -> str:
    return "-" if one.low is None or one.high is None else f"{one.low:+.3f} {one.high:+.3f}"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _is_clear(one: Difference | None) -> bool:
    return one is not None and one.p_holm is not None and one.p_holm < CLEAR


def _moved(change: Change) -> str:
    return f"{change.id} {change.rank_a:g} to {change.rank_b:g}"


def _say(statements: Sequence[str], console: Console) -> None:
    for one in statements:
        console.print(f"- {one}", style="dim", markup=False, highlight=False)

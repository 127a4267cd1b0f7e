"""The report in a terminal: a matrix to read at a glance, then tables to check it by.

Called by `Report.render` only. Everything fits 100 columns; wider matrices continue below.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from binder.evaluate.cell import Cell
from binder.evaluate.scoring import Estimate

if TYPE_CHECKING:
    from binder.evaluate.report import Report

MARKS = {
    "emergent": ("E", "bold green"),
    "trained": ("T", "cyan"),
    "hub-native": ("H", "blue"),
    "tainted": ("!", "bold red"),
}
_WIDE = 98  # columns that the tables of cells and controls need
_COLUMNS = 6  # galleries side by side in 100 columns
_MEMBERS = 4  # cells named per remark; report.json has them all
_METRICS = {
    "hit@1": "hit@1", "hit@5": "@5", "hit@10": "@10", "recall@1": "rec@1", "recall@5": "@5", "recall@10": "@10",
    "mAP": "mAP", "MRR": "MRR",
}  # fmt: skip


def render_report(report: "Report", console: Console) -> None:
    """Print everything a reader needs to believe or doubt the numbers."""
    for rule in report.facts["rules"]:
        cells = [cell for cell in report.cells if cell.rule == rule["name"]]
        console.print(Text("Who finds whom: rows ask, columns answer", style="bold"))
        console.print(Text(f"An answer agrees with its query on {rule_in_words(rule)}", style="dim"))
        _print_matrix(cells, console)
        console.print(_headline_table(report, rule["name"]))
        if console.width >= _WIDE:
            _print_cells(cells, console)
        else:
            wide = f"A terminal {_WIDE} columns wide shows every metric and control; report.html has them, too."
            console.print(Text(f"{wide}\n"))
        _print_all_remarks(cells, console)
    _print_legend(report, console)


def rule_in_words(rule: dict[str, Any]) -> str:
    """What two items must agree on to answer each other, from the report's facts."""
    if gains := rule.get("gains"):  # reports of schema 1 have none
        return "any of " + ", ".join(f"{name} (gain {gain:g})" for name, gain in gains.items()) + "."
    sees = {name: ", ".join(columns) for name, columns in rule["sees"].items()}
    if len(set(sees.values())) == 1:
        return f"{next(iter(sees.values()))}."
    return "all that both can see: " + "; ".join(f"{name} sees {columns}" for name, columns in sees.items()) + "."


def _print_matrix(cells: Sequence[Cell], console: Console) -> None:
    names = list(dict.fromkeys(cell.query for cell in cells))
    by_pair = {(cell.query, cell.gallery): cell for cell in cells}
    for start in range(0, len(names), _COLUMNS):
        part = names[start : start + _COLUMNS]
        table = plain_table("(continued)" if start else None, padding=1)
        table.add_column("", style="bold", no_wrap=True)
        for name in part:
            table.add_column(name, no_wrap=True, min_width=11)
        for query in names:
            table.add_row(query, *(_matrix_cell(by_pair.get((query, gallery))) for gallery in part))
            table.add_row("")
        console.print(table)


def _matrix_cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    if cell.why_not is not None:
        return Text("n/a", style="dim")
    mark, style = MARKS[cell.certificate.status]
    return Text.assemble(
        (f"{mark} {_three(cell.metrics['hit@1'].value)}", style),
        f"\n  {_bounds(cell.metrics['hit@1'])}",
        f"\n  mAP {_three(cell.metrics['mAP'].value)}",
        (f"\n  ({_two(cell.chance['hit@1'])} {_two(cell.chance['mAP'])})", "dim"),
    )


def _headline_table(report: "Report", rule: str) -> Table:
    table = plain_table("Averages", padding=1)
    for name in ("pairs", "cells", "hit@1", "mAP", "chance"):
        table.add_column(name, no_wrap=True)
    for line in (line for line in report.headlines if line.rule == rule):
        left_out = f" ({len(line.left_out)} tainted left out)" if line.left_out else ""
        values = [_with_bounds(line.metrics[name]) if line.metrics else "-" for name in ("hit@1", "mAP")]
        chance = " ".join(_three(line.chance[name]) for name in ("hit@1", "mAP")) if line.metrics else "-"
        table.add_row(line.name, f"{len(line.cells)}{left_out}", *values, chance)
    return table


def _print_cells(cells: Sequence[Cell], console: Console) -> None:
    done = [cell for cell in cells if cell.why_not is None]
    if done:
        console.print(_metric_table(done))
        console.print(_control_table(done))


def _print_all_remarks(cells: Sequence[Cell], console: Console) -> None:
    for title, lines in (
        ("Not evaluated", [(cell, (cell.why_not,)) for cell in cells if cell.why_not is not None]),
        ("Tainted, because", [(cell, cell.certificate.reasons) for cell in cells]),
        ("Notes", [(cell, (*cell.certificate.notes, *cell.notes)) for cell in cells]),
    ):
        _print_remarks(title, [(text, cell.name) for cell, texts in lines for text in texts if text], console)


def _print_remarks(title: str, remarks: list[tuple[str, str]], console: Console) -> None:
    """One entry per remark, with the cells it is about."""
    if not remarks:
        return
    console.print(Text(title, style="bold"))
    members: dict[str, list[str]] = {}
    for text, name in remarks:
        members.setdefault(text, []).append(name)
    for text, names in members.items():
        more = f" and {len(names) - _MEMBERS} more" if len(names) > _MEMBERS else ""
        console.print(Text.assemble(f"  {text}\n", (f"      {', '.join(names[:_MEMBERS])}{more}", "dim")))
    console.print()


def _metric_table(cells: Sequence[Cell]) -> Table:
    table = plain_table("Cells")
    for name in ("query -> gallery", "", "queries", "of", "answers", "groups", *_METRICS.values(), "MdR"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("query -> gallery", "") else "right")
    for cell in cells:
        counts = (str(cell.num_queries), str(cell.num_gallery), f"{cell.mean_relevant:.3g}", str(cell.num_groups))
        numbers = [_three(cell.metrics[name].value) if name in cell.metrics else "-" for name in _METRICS]
        table.add_row(cell.name, _mark(cell), *counts, *numbers, f"{cell.metrics['median_rank'].value:g}")
    return table


def _control_table(cells: Sequence[Cell]) -> Table:
    hops = list(dict.fromkeys(name for cell in cells for name in cell.controls if name.startswith("two-hop")))
    heads = ["hit@1", "lift", "chance", "shuffled", "untrained", *(name.replace(" via ", "\n") for name in hops)]
    table = plain_table("hit@1 beside its controls")
    for name in ("query -> gallery", "", *heads, "centred"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("query -> gallery", "") else "right")
    for cell in cells:
        shuffled, *others = (
            cell.controls[name].metrics["hit@1"] if name in cell.controls else None
            for name in ("shuffled", "untrained", *hops)
        )
        table.add_row(
            cell.name,
            _mark(cell),
            _with_bounds(cell.metrics["hit@1"]),
            f"{cell.lift['hit@1']:.1f}x",
            _three(cell.chance["hit@1"]),
            _with_bounds(shuffled) if shuffled else "-",
            *(_three(other.value) if other else "-" for other in others),
            _three(cell.centred["hit@1"].value) if cell.centred else "-",
        )
    return table


def plain_table(title: str | None, *, padding: int = 0) -> Table:
    """A table with a line below its head only."""
    return Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, padding, 0, 0),
        pad_edge=False,
    )


def _print_legend(report: "Report", console: Console) -> None:
    for status, (mark, style) in MARKS.items():
        console.print(Text.assemble((f"{mark} {status}", style)), end="   ")
    drawn = f"{report.facts['num_bootstrap']} resamples of groups, seed {report.facts['seed']}"
    lines = (
        "",
        "matrix   hit@1, [its 95% interval], mAP, (chance of hit@1 and of mAP)",
        "hit@k    share of queries with an answer among the first k; rec@k: share of all answers found there",
        "MdR      median rank of the first answer; ties count half; equal contents are one item",
        f"[ ]      percentile interval of {drawn}",
    )
    if prompts := report.facts.get("prompts"):  # reports from before have no such fact
        lines += (f"text     each label is the mean of its {len(prompts['templates'])} prompts, {prompts['hash'][:8]}",)
    console.print(Text("\n".join(lines), style="dim"))


def _mark(cell: Cell) -> Text:
    return Text(*MARKS[cell.certificate.status])


def _three(value: float) -> str:
    """Three digits, no leading zero: .834, 1.00."""
    return "1.00" if value >= 0.9995 else f"{value:.3f}".lstrip("0")


def _two(value: float) -> str:
    return "1.0" if value >= 0.995 else f"{value:.2f}".lstrip("0")


def _bounds(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "[-]"
    return f"[{_two(estimate.low)} {_two(estimate.high)}]"


def _with_bounds(estimate: Estimate) -> str:
    return f"{_three(estimate.value)} {_bounds(estimate)}"

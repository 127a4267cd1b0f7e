"""What a report holds beside its matrix, in a terminal: corrections, floor and ceilings. Called by `Report.render`."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from binder.evaluate.corrections import Comparison
from binder.evaluate.findings import Findings
from binder.evaluate.reference import Reference
from binder.evaluate.render import plain_table
from binder.evaluate.scoring import Estimate

_METRICS = ("hit@1", "mAP")


def render_findings(findings: Findings, console: Console) -> None:
    """Print what there is."""
    if findings.corrections:
        console.print(_corrections(findings.corrections))
    for kind, title in (
        ("floor", "Above a floor: untrained encoders, closed form"),
        ("ceiling", "Below a ceiling: trained on the pair itself"),
    ):
        chosen = [one for one in findings.references if one.kind == kind]
        if chosen:
            console.print(_references(title, chosen))
            console.print(Text("\n".join(dict.fromkeys(one.note for one in chosen)) + "\n", style="dim"))


def _corrections(found: Sequence[Comparison]) -> Table:
    table = _table(f"With the space's correction: {found[0].correction}", "raw", "corrected", "difference")
    for one in found:
        for metric in _METRICS:
            values = one.raw[metric], one.corrected[metric], one.difference[metric]
            table.add_row(_name(one, metric), metric, *(_value(value) for value in values))
    return table


def _references(title: str, found: Sequence[Reference]) -> Table:
    table = _table(title, "reference", "space - reference", "share of it")
    for one in found:
        for metric in _METRICS:
            ratio = _value(one.ratio[metric]) if metric in one.ratio else "reference at chance"
            values = one.metrics[metric], one.difference[metric]
            table.add_row(_name(one, metric), metric, *(_value(value) for value in values), ratio)
    return table


def _name(one: Comparison | Reference, metric: str) -> str:
    return f"{one.query} -> {one.gallery}" if metric == _METRICS[0] else ""


def _table(title: str, *columns: str) -> Table:
    table = plain_table(title, padding=1)
    for name in ("query -> gallery", "", *columns):
        table.add_column(name, no_wrap=True, justify="left" if name in ("query -> gallery", "") else "right")
    return table


def _value(estimate: Estimate) -> str:
    """Value and interval; an open end where a draw had none."""
    if estimate.low is None:
        return f"{estimate.value:.3f} [-]"
    high = "open" if estimate.high is None else f"{estimate.high:.2f}"
    return f"{estimate.value:.3f} [{estimate.low:.2f} {high}]"

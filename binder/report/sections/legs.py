"""Cells taken apart into their two legs through the hub. Floor: report."""

import numpy as np

from binder.evaluate.decomposition import Decomposition
from binder.evaluate.diagnosis import CellDiagnosis
from binder.report.blocks import Chart, Entry, Section, Selector, Table, Text
from binder.report.figures import Figure, Measured, decomposition_bars
from binder.report.subject import Subject
from binder.report.words import arrow, bounds, estimated, number, pairs_named

_MOST_BARS = 24  # pairs of one chart; the table has more
_READ = (
    "Does a → c come through the hub? First leg: a finds the hub's items; second leg: the hub's items find c; "
    "promise: the hit@1 that the product of both legs gives against normal scores, a range where queries have several "
    "answers; reached: what was measured. Below its promise a pair loses what both legs carry; above it the two share "
    "what the hub does not show. Leg ratio: what was reached above chance, over the weaker leg's."
)


def legs(subject: Subject) -> Section:
    """Bars for every hub modality and rule, and a table."""
    apart = [cell for cell in subject.report.diagnosis.cells if cell.legs]
    groups: dict[tuple[str, str], list[tuple[CellDiagnosis, Decomposition]]] = {}
    for cell in apart:
        for leg in cell.legs:
            groups.setdefault((leg.via, cell.rule), []).append((cell, leg))
    if not groups:
        return Section(id="legs", title="Legs")
    names = [f"through {via}" + (f", {rule}" if len(subject.rules) > 1 else "") for via, rule in groups]
    figures = {str(place): _bars(subject, group[:_MOST_BARS]) for place, group in enumerate(groups.values())}
    chart = Chart(
        title="hit@1 of both legs, their promise, and what was reached",
        description="Bars for every pair of towers; the table below has the numbers.",
        figures=figures,
        selectors=(Selector(label="hub modality", options=tuple(names)),),
        least_rem=min(48, 10 + 3 * max(map(len, groups.values()))),
    )
    blocks = (Text(text=_READ), chart, _table(subject, apart))
    return Section(id="legs", title="Legs through the hub", blocks=blocks)


def _bars(subject: Subject, group: list[tuple[CellDiagnosis, Decomposition]]) -> Figure:
    parts = {"first leg": [], "second leg": [], "promise": [], "reached": []}
    for cell, leg in group:
        for name, query, gallery, hit in (
            ("first leg", leg.first.query, leg.first.gallery, leg.first.hit),
            ("second leg", leg.second.query, leg.second.gallery, leg.second.hit),
            ("reached", cell.query, cell.gallery, leg.hit),
        ):
            one = subject.report.cell(query, gallery, cell.rule).metrics["hit@1"]
            parts[name].append((hit, one.low, one.high))
        promise = leg.promised_hit
        parts["promise"].append((promise.value, promise.low, promise.high) if promise else (None, None, None))
    columns = {name: np.array(rows, dtype=np.float64).T for name, rows in parts.items()}
    return decomposition_bars(
        {name: Measured(values=value, low=low, high=high) for name, (value, low, high) in columns.items()},
        pairs=[arrow(cell.query, cell.gallery) for cell, _ in group],
        chance=np.array([leg.chance for _, leg in group]),
        metric="hit@1",
    )


def _table(subject: Subject, apart: list[CellDiagnosis]) -> Table:
    heads = ("query → gallery", "through", "first leg", "second leg", "promise", "reached", "chance", "leg ratio")
    rows = []
    for cell in apart:
        (name,) = pairs_named([(cell.query, cell.gallery, cell.rule)], subject.rules)
        reached = subject.report.cell(cell.query, cell.gallery, cell.rule).metrics["hit@1"]
        for leg in cell.legs:
            numbers = (number(leg.first.hit), number(leg.second.hit), estimated(leg.promised_hit))
            measured = Entry(text=f"{leg.hit:.3f}", note=bounds(reached), order=leg.hit)
            rest = (number(leg.chance), number(leg.leg_ratio, ".2f"), number(leg.hub_dimension, ".1f"))
            rows.append((Entry(text=name), Entry(text=leg.via), *numbers, measured, *rest))
    return Table(
        caption="hit@1 of legs, promise and result; effective dimension of the hub's items",
        heads=(*heads, "hub dimension"),
        rows=tuple(rows),
        filters=True,
        folded=True,
    )

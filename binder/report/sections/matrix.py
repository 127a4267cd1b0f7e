"""The certified matrix: who finds whom, as a heat map and, for Markdown, as a table. Floor: report."""

import numpy as np

from binder.evaluate.cell import Cell
from binder.report.blocks import Chart, Entry, Section, Selector, Table, Text
from binder.report.figures import Figure, Measured, heat_map
from binder.report.subject import Subject
from binder.report.words import MARKS, bounds, short

_METRICS = ("hit@1", "mAP", "hit@5", "hit@10", "recall@1", "nDCG@10", "R-precision", "MRR")  # from 0 to 1
_MOST_NUMBERS = 6000  # of all heat maps together: 0.15 MB for each thousand
_LEGEND = "E emergent, T trained, H hub-native, ! tainted"


def matrix(subject: Subject) -> Section:
    """One heat map with selectors for the score and the rule."""
    cells = subject.report.cells
    measured = [cell for cell in cells if cell.why_not is None]
    if not measured:
        return Section(id="matrix", title="Matrix")
    shared = [name for name in _METRICS if all(name in cell.metrics for cell in measured)]
    chosen = shared[: max(1, _MOST_NUMBERS // len(cells))]
    rules = subject.rules
    figures = {
        f"{place}-{number}": _heat_map([cell for cell in cells if cell.rule == rule], metric)
        for place, metric in enumerate(chosen)
        for number, rule in enumerate(rules)
    }
    names = {cell.query for cell in cells}
    chart = Chart(
        title="Who finds whom: rows ask, columns answer",
        description=f"Heat map of all directions between {len(names)} modalities; the table of cells has its numbers.",
        figures=figures,
        selectors=(Selector(label="score", options=tuple(chosen)), Selector(label="rule", options=tuple(rules))),
        least_rem=9 + 4 * len(names),
    )
    words = f"{_LEGEND}; ~ chance: the 95 % interval reaches down to chance. Point at a cell for interval and chance."
    return Section(id="matrix", title="The certified matrix", blocks=(Text(text=words), chart))


def matrix_table(subject: Subject, rule: str) -> Table:
    """hit@1 of every direction with mark, interval and chance."""
    cells = {(cell.query, cell.gallery): cell for cell in subject.report.cells if cell.rule == rule}
    names = list(dict.fromkeys(query for query, _ in cells))
    rows = [(Entry(text=short(query)), *(_entry(cells.get((query, gallery))) for gallery in names)) for query in names]
    caption = f"hit@1 [95 % interval] (chance); rows ask, columns answer; {_LEGEND}"
    return Table(caption=caption, heads=("", *map(short, names)), rows=tuple(rows))


def _entry(cell: Cell | None) -> Entry:
    if cell is None or cell.why_not is not None:
        return Entry(text="" if cell is None else "n/a")
    hit = cell.metrics["hit@1"]
    told = f"{MARKS[cell.certificate.status]} {hit.value:.3f} {bounds(hit)}".rstrip()
    return Entry(text=f"{told} ({cell.chance['hit@1']:.3f})", order=hit.value)


def _heat_map(cells: list[Cell], metric: str) -> Figure:
    names = list(dict.fromkeys(cell.query for cell in cells))
    place = {name: number for number, name in enumerate(names)}
    values, low, high, chance = (np.full((len(names), len(names)), np.nan) for _ in range(4))
    marks = [[""] * len(names) for _ in names]
    for cell in cells:
        at = place[cell.query], place[cell.gallery]
        if cell.why_not is None:
            one = cell.metrics[metric]
            values[at], chance[at] = one.value, cell.chance[metric]
            low[at], high[at] = (np.nan if bound is None else bound for bound in (one.low, one.high))
            marks[at[0]][at[1]] = MARKS[cell.certificate.status]
    shown = [short(name, 24) for name in names]
    scores = Measured(values=values, low=low, high=high)
    return heat_map(scores, queries=shown, galleries=shown, chance=chance, verdicts=marks, metric=metric)

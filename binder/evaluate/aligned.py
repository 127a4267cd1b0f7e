"""Reports on one table, side by side, query by query. Used by `compare`, `seeds` and `curves` beside this file.

Queries are paired by the hash of their content and by their group, so two reports of other versions of a space,
or of other spaces, can be subtracted from each other. What cannot be paired is left out and said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from binder.errors import MetricError
from binder.evaluate.cell import Cell
from binder.evaluate.report import Report
from binder.metrics import Interval, cluster_means, group_weights, percentile_interval

_STORED_AS = {"mAP": "average_precision"}  # metric -> column of ranks.parquet, where the names differ
_ENOUGH_DRAWS = 0.5
Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class AlignedCell:
    """One cell in every report, over the queries that all of them asked.

    Attributes:
        cells: of every report, in order.
        ids: the first row that shows each query.
        groups: of each query.
        content: hash of each query.
        best_rank: of the first answer.
        values: metric -> its value for every query.
        num_unpaired: queries that only some reports asked.
    """

    cells: tuple[Cell, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    content: tuple[str, ...]
    best_rank: Float64[np.ndarray, "report query"]
    values: dict[str, Float64[np.ndarray, "report query"]]
    num_unpaired: int

    @property
    def name(self) -> str:
        return self.cells[0].name


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Cells whose mean is one number: a single cell, or those of a headline."""

    cells: tuple[AlignedCell, ...]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Those that every cell has."""
        return tuple(name for name in self.cells[0].values if all(name in cell.values for cell in self.cells))

    @cached_property
    def group_names(self) -> list[str]:
        """Groups of all its queries."""
        return sorted({group for cell in self.cells for group in cell.groups})

    def means(self) -> Float64[np.ndarray, "report metric"]:
        """Every metric of every report: mean over queries, then over cells."""
        return np.mean([self._stack(cell).mean(axis=1) for cell in self.cells], axis=0)

    def draws(self, num: int, seed: int) -> Float64[np.ndarray, "report draw metric"]:
        """The same in every draw of groups; draws that miss all queries of a cell are left out."""
        weights = group_weights(len(self.group_names), num, seed)
        total = np.zeros((len(self.cells[0].cells), num, len(self.metrics)))
        for cell in self.cells:
            total += np.stack([cluster_means(one, self._index(cell), weights) for one in self._stack(cell)])
        return total[:, ~np.isnan(total).any(axis=(0, 2))] / len(self.cells)

    def interval(self, draws: Float64[np.ndarray, "draw metric"], num: int) -> Interval:
        """Bounds from draws made of `draws(num, ...)`; none where most of them missed a cell."""
        return percentile_interval(draws, len(self.group_names) if len(draws) >= _ENOUGH_DRAWS * num else 1)

    def group_sums(self, signs: Float64[np.ndarray, " report"]) -> Float64[np.ndarray, "group metric"]:
        """What every group contributes to the difference: reports are added with these signed shares."""
        sums = np.zeros((len(self.group_names), len(self.metrics)))
        for cell in self.cells:
            difference = np.einsum("r,rqm->qm", signs, self._stack(cell)) / len(cell.groups) / len(self.cells)
            np.add.at(sums, self._index(cell), difference)
        return sums

    def _stack(self, cell: AlignedCell) -> Float64[np.ndarray, "report query metric"]:
        return np.stack([cell.values[name] for name in self.metrics], axis=2)

    def _index(self, cell: AlignedCell) -> Int64[np.ndarray, " query"]:
        return np.searchsorted(self.group_names, cell.groups)


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """Everything that several reports have in common.

    Attributes:
        cells: those that all have, on the same gallery and with the same answers.
        headlines: (name, rule) -> its cells, as far as all reports average them.
        statements: what differs, and what was left out for it.
    """

    cells: tuple[AlignedCell, ...]
    headlines: dict[tuple[str, str], Block]
    statements: tuple[str, ...]


def align(reports: Sequence[Report]) -> Aligned:
    """Pair two or more reports.

    Raises:
        MetricError: reports on different tables, or without a common cell.
    """
    statements = _check_facts(reports)
    listed = [{(cell.query, cell.gallery, cell.rule): cell for cell in report.cells} for report in reports]
    ranks = [_by_cell(report.ranks) for report in reports]
    found, left_out = {}, []
    for key in dict.fromkeys(key for cells in listed for key in cells):
        reason = _why_apart(key, listed)
        if reason is None:
            cell = _align_cell([cells[key] for cells in listed], [one[key] for one in ranks])
            if isinstance(cell, AlignedCell):
                found[key] = cell
                continue
            reason = cell
        if reason:
            left_out.append(f"{key[0]} -> {key[1]} under {key[2]!r} left out: {reason}")
    if not found:
        raise MetricError.explain("reports without a cell in common", got="; ".join(left_out) or "no measured cell")
    partial = [
        f"{cell.name}: {cell.num_unpaired} queries are not in all reports"
        for cell in found.values()
        if cell.num_unpaired
    ]
    return Aligned(
        cells=tuple(found.values()),
        headlines=_headlines(reports, found),
        statements=(*statements, *left_out, *partial),
    )


def refuse_twice(reports: Sequence[Report]) -> None:
    """Raise where one report stands twice among seeds: it would pass for agreement."""
    if any(a.ranks.equals(b.ranks) for i, a in enumerate(reports) for b in reports[:i]):
        raise MetricError.explain("one report stands twice among the seeds", fix="name every run once")


def _check_facts(reports: Sequence[Report]) -> list[str]:
    def facts(name: str) -> list[object]:
        return list(dict.fromkeys(str(report.facts.get(name)) for report in reports))

    tables = facts("table_fingerprint")
    if len(tables) > 1:
        raise MetricError.explain(
            "reports on different tables", got=", ".join(str(one)[:8] for one in tables),
            expected="one table, one mapping of its columns", fix="evaluate both on one table: binder eval --table",
        )  # fmt: skip
    statements = ["the reports do not say which table they are of"] if tables == ["None"] else []
    if len(facts("hub_fingerprint")) > 1:
        statements.append("different hubs: what is compared is hub and towers together")
    if len({str((report.facts.get("prompts") or {}).get("hash")) for report in reports}) > 1:
        statements.append("different prompt templates: texts were embedded differently")
    return statements


def _by_cell(ranks: pa.Table) -> dict[Key, pa.Table]:
    """The rows of every cell, which stand together."""
    keys = list(zip(*(ranks[name].to_pylist() for name in ("query", "gallery", "rule")), strict=True))
    starts = [i for i, key in enumerate(keys) if i == 0 or keys[i - 1] != key]
    return {keys[a]: ranks.slice(a, b - a) for a, b in zip(starts, [*starts[1:], len(keys)], strict=True)}


def _why_apart(key: Key, listed: Sequence[dict[Key, Cell]]) -> str | None:
    """Why a cell cannot be compared; "" where none of the reports measured it; None where it can."""
    cells = [cells.get(key) for cells in listed]
    measured = [cell for cell in cells if cell is not None and cell.why_not is None]
    if not measured:
        return ""
    if len(measured) < len(cells):
        return f"only {len(measured)} of {len(cells)} reports have it"
    for what in ("attributes", "num_gallery"):
        values = list(dict.fromkeys(getattr(cell, what) for cell in measured))
        if len(values) > 1:
            return f"{what.replace('num_', 'size of the ')} differ: {' and '.join(map(str, values))}"
    return None


def _align_cell(cells: Sequence[Cell], ranks: Sequence[pa.Table]) -> AlignedCell | str:
    keyed = [{pair: i for i, pair in enumerate(_pairs(table))} for table in ranks]
    common = [pair for pair in keyed[0] if all(pair in one for one in keyed)]
    if not common:
        return "no query in common"
    tables = [table.take(pa.array([own[pair] for pair in common])) for table, own in zip(ranks, keyed, strict=True)]
    if any(not tables[0]["num_relevant"].equals(table["num_relevant"]) for table in tables):
        return "queries have other numbers of answers"
    best = np.stack([table["best_rank"].to_numpy() for table in tables])
    names = [name for name in cells[0].metrics if all(_stored(table, name) for table in tables)]
    values = {name: np.stack([table[_STORED_AS.get(name, name)].to_numpy() for table in tables]) for name in names}
    return AlignedCell(
        cells=tuple(cells),
        ids=tuple(tables[0]["id"].to_pylist()),
        groups=tuple(group for _, group in common),
        content=tuple(content for content, _ in common),
        best_rank=best,
        values={**values, "MRR": 1 / best},
        num_unpaired=len(set().union(*keyed)) - len(common),
    )


def _pairs(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["content"].to_pylist(), table["group"].to_pylist(), strict=True))


def _stored(table: pa.Table, metric: str) -> bool:
    name = _STORED_AS.get(metric, metric)
    return name in table.column_names and table[name].null_count == 0


def _headlines(reports: Sequence[Report], found: dict[Key, AlignedCell]) -> dict[tuple[str, str], Block]:
    """Cells that all reports average under one name; a cell that one of them finds tainted is in none."""
    averaged = [{(one.name, one.rule): set(one.cells) for one in report.headlines} for report in reports]
    blocks = {}
    for name, rule in averaged[0]:
        everywhere = set.intersection(*(own.get((name, rule), set()) for own in averaged))
        cells = tuple(cell for (_, _, its_rule), cell in found.items() if its_rule == rule and cell.name in everywhere)
        if cells:
            blocks[name, rule] = Block(cells=cells)
    return blocks

"""A space beside what else could have been built: a floor below it, a ceiling above. Called by `binder.run.references`.

- `floor`: the same encoders as they were before training, with a head in closed form on the same hub pairs.
- `ceiling`: a tower of the same kind trained on the pair itself, which the space never saw.

Both are reports on the same table, so they are compared query by query, in the same draws of groups. The ratio
is (score - chance) / (ceiling - chance): how much of what pairs would give came without them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc

from binder.errors import MetricError
from binder.evaluate.cell import Cell
from binder.evaluate.report import Report
from binder.evaluate.scoring import Estimate, Estimates
from binder.metrics import cluster_means, group_weights, percentile_interval

Kind = Literal["floor", "ceiling"]
METRICS = ("hit@1", "mAP")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What one cell scores in another space.

    Attributes:
        kind: floor or ceiling.
        query: who asks.
        gallery: who answers.
        rule: name of the relevance rule.
        metrics: hit@1 and mAP of the reference.
        difference: of each, the space's minus the reference's.
        ratio: of each, (space - chance) / (reference - chance); absent where the reference is not above chance.
        note: how the reference was made.
    """

    kind: Kind
    query: str
    gallery: str
    rule: str
    metrics: Estimates
    difference: Estimates
    ratio: Estimates
    note: str


def refer(report: Report, other: Report, *, kind: Kind, note: str, num_bootstrap: int, seed: int) -> list[Reference]:
    """Set every cell that both reports have beside that of `other`.

    Raises:
        MetricError: reports on different tables, or a shared cell with different queries.
    """
    tables = [one.facts.get("table_fingerprint") for one in (report, other)]
    if tables[0] != tables[1]:
        raise MetricError.explain("reports are of different tables", got=tables, expected="one table")
    theirs = {(cell.query, cell.gallery, cell.rule): cell for cell in other.cells if cell.why_not is None}
    found = []
    for cell in report.cells:
        if cell.why_not is None and (cell.query, cell.gallery, cell.rule) in theirs:
            values = [_values(one, cell) for one in (report, other)]
            if values[0][0] != values[1][0]:
                raise MetricError.explain(f"{cell.name}: the two reports asked different queries")
            keys, own = values[0]
            groups = np.unique(np.array([group for _, group in keys]), return_inverse=True)
            draws = group_weights(len(groups[0]), num_bootstrap, seed)
            stacked = np.concatenate([own, values[1][1]], axis=1)
            means = cluster_means(stacked, groups[1].astype(np.int64), draws)
            found.append(_reference(cell, stacked.mean(axis=0), means, len(groups[0]), kind, note))
    return found


def _values(report: Report, cell: Cell) -> tuple[list[tuple[str, str]], np.ndarray]:
    """(content, group) of every query of a cell, in order, and its hit@1 and average precision."""
    ranks = report.ranks
    mask = pc.and_(
        pc.and_(pc.equal(ranks["query"], cell.query), pc.equal(ranks["gallery"], cell.gallery)),
        pc.equal(ranks["rule"], cell.rule),
    )
    own = ranks.filter(mask).sort_by("content")
    keys = list(zip(own["content"].to_pylist(), own["group"].to_pylist(), strict=True))
    columns = [own[name].to_numpy().astype(np.float64) for name in ("hit@1", "average_precision")]
    return keys, np.stack(columns, axis=1)


def _reference(cell: Cell, means: np.ndarray, draws: np.ndarray, num_groups: int, kind: Kind, note: str) -> Reference:
    width = len(METRICS)
    chance = np.array([cell.chance[name] for name in METRICS])
    above = means[width:] > chance
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (means[:width] - chance) / (means[width:] - chance)
        ratios = (draws[:, :width] - chance) / (draws[:, width:] - chance)
    estimated = _estimates(ratio, np.nan_to_num(ratios, nan=0.0), num_groups)
    return Reference(
        kind=kind,
        query=cell.query,
        gallery=cell.gallery,
        rule=cell.rule,
        metrics=_estimates(means[width:], draws[:, width:], num_groups),
        difference=_estimates(means[:width] - means[width:], draws[:, :width] - draws[:, width:], num_groups),
        ratio={name: value for (name, value), fine in zip(estimated.items(), above, strict=True) if fine},
        note=note,
    )


def _estimates(values: np.ndarray, draws: np.ndarray, num_groups: int) -> Estimates:
    bounds = percentile_interval(draws, num_groups)
    if bounds.low is None or bounds.high is None:
        return {name: Estimate(value=float(value)) for name, value in zip(METRICS, values, strict=True)}
    rows = zip(METRICS, values.tolist(), bounds.low.tolist(), bounds.high.tolist(), strict=True)
    return {name: Estimate(value=value, low=low, high=high) for name, value, low, high in rows}

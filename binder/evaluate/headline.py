"""Averages over cells of one kind, with an interval of their own. Used by `binder.evaluate.runner`.

Cells of one table share their groups, so a group that is drawn counts in every cell at once: the
interval of the average is not put together from the intervals of the cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from binder.evaluate.cell import Cell
from binder.evaluate.scoring import Estimates, Question, estimates
from binder.metrics import RankTable, cluster_means, group_weights

_AVERAGED = ("hit@1", "hit@5", "recall@1", "mAP", "MRR")
_ENOUGH_DRAWS = 0.5  # a draw counts if it reaches every cell; fewer than this share, and there is no interval


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Mean over the cells of one kind.

    Attributes:
        name: "emergent", "emergent, tower to tower", "trained" or "hub-native".
        rule: name of the relevance rule.
        cells: the pairs averaged.
        left_out: pairs of this kind that are tainted, and so not averaged.
        metrics: those that every averaged cell has.
        chance: the same mean over the cells' chance.
    """

    name: str
    rule: str
    cells: tuple[str, ...]
    left_out: tuple[str, ...]
    metrics: Estimates
    chance: dict[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A finished cell with the per-query values it came from."""

    cell: Cell
    question: Question
    table: RankTable


def headlines(measured: Sequence[Measured], *, num_bootstrap: int, seed: int) -> tuple[Headline, ...]:
    """Average every kind of pair under every rule; kinds without a cell are absent."""
    found = []
    for rule in dict.fromkeys(one.cell.rule for one in measured):
        own = [one for one in measured if one.cell.rule == rule]
        kinds = {kind: _is(kind) for kind in ("emergent", "trained", "hub-native")}
        emergent = [one for one in own if kinds["emergent"](one)]
        if any(map(_touches_hub, emergent)) and not all(map(_touches_hub, emergent)):
            kinds["emergent, tower to tower"] = lambda one: _is("emergent")(one) and not _touches_hub(one)
        for name in sorted(kinds):
            chosen = [one for one in own if kinds[name](one)]
            if chosen:
                found.append(_average(name, rule, chosen, num_bootstrap=num_bootstrap, seed=seed))
    return tuple(found)


def _is(kind: str) -> Callable[[Measured], bool]:
    return lambda one: one.cell.certificate.pair == kind


def _touches_hub(one: Measured) -> bool:
    return one.question.query.native or one.question.gallery.native


def _average(name: str, rule: str, chosen: list[Measured], *, num_bootstrap: int, seed: int) -> Headline:
    clean = [one for one in chosen if one.cell.certificate.status != "tainted"]
    left_out = tuple(one.cell.name for one in chosen if one.cell.certificate.status == "tainted")
    cells = tuple(one.cell.name for one in clean)
    if not clean:
        return Headline(name=name, rule=rule, cells=(), left_out=left_out, metrics={}, chance={})
    shared = [metric for metric in _AVERAGED if all(metric in one.cell.metrics for one in clean)]
    means = {metric: float(np.mean([one.cell.metrics[metric].value for one in clean])) for metric in shared}
    draws, num_groups = _joint_draws(clean, shared, num_bootstrap, seed)
    return Headline(
        name=name,
        rule=rule,
        cells=cells,
        left_out=left_out,
        metrics=estimates(means, draws, num_groups),
        chance={metric: float(np.mean([one.cell.chance[metric] for one in clean])) for metric in shared},
    )


def _joint_draws(chosen: list[Measured], metrics: list[str], num: int, seed: int) -> tuple[np.ndarray, int]:
    """Mean over cells in every draw of groups from all cells together, and the number of groups behind it."""
    names = sorted({group for one in chosen for group in one.question.groups})
    number = {name: i for i, name in enumerate(names)}
    weights = group_weights(len(names), num, seed)
    total = np.zeros((num, len(metrics)))
    for one in chosen:
        index = np.array([number[group] for group in one.question.groups], dtype=np.int64)
        columns = one.table.columns()
        total += cluster_means(np.stack([columns[metric] for metric in metrics], axis=1), index, weights)
    reached = ~np.isnan(total).any(axis=1)
    if reached.mean() < _ENOUGH_DRAWS:
        return total[:0], 1
    return total[reached] / len(chosen), len(names)

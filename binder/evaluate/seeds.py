"""Several runs that differ in their seed, as one result. Called by `binder.run.comparing`.

A single seed's interval says how sure its score is for other recordings, not for another training. Here both are
resampled: seeds, and groups within all seeds alike (see `binder.metrics.significance.nested_draws`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from binder.errors import MetricError
from binder.evaluate.aligned import Block, align, refuse_twice
from binder.evaluate.report import Report
from binder.metrics.significance import nested_draws

FEW_SEEDS = 5  # below this an interval over seeds is known to be too short


@dataclass(frozen=True, kw_only=True)
class OverSeeds:
    """One metric over seeds.

    Attributes:
        mean: over seeds.
        deviation: standard deviation over seeds (n - 1).
        low: bound of the 95 % interval over seeds and groups; None with one group.
        high: the other bound.
        values: of every seed.
    """

    mean: float
    deviation: float
    low: float | None
    high: float | None
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SeedsCell:
    """One cell, or one headline, over seeds.

    Attributes:
        name: the pair, or the name of the headline.
        rule: name of the relevance rule.
        status: verdicts of the certificates, different ones joined by "/"; for a headline its kind.
        cells: of a headline, the pairs averaged; else empty.
        num_queries: asked by all seeds; 0 for a headline.
        num_groups: of them.
        metrics: name -> over seeds.
    """

    name: str
    rule: str
    status: str
    cells: tuple[str, ...]
    num_queries: int
    num_groups: int
    metrics: dict[str, OverSeeds]


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """All cells and headlines over seeds.

    Attributes:
        num_seeds: reports.
        cells: those that all reports have.
        headlines: means over cells that no report finds tainted.
        statements: what a reader must know beside the numbers.
    """

    num_seeds: int
    cells: tuple[SeedsCell, ...]
    headlines: tuple[SeedsCell, ...]
    statements: tuple[str, ...]


def aggregate_seeds(reports: Sequence[Report], *, num_bootstrap: int = 1000, seed: int = 0) -> Seeds:
    """Mean, deviation and interval over seeds.

    Args:
        reports: of the same table, one per seed.
        num_bootstrap: draws of seeds and groups.
        seed: of the draws.

    Raises:
        MetricError: fewer than two reports, different tables or rules, or the same report twice.
    """
    _check(reports)
    aligned = align(reports)
    few = f"rough intervals: only {len(reports)} seeds" if len(reports) < FEW_SEEDS else None
    cells = []
    for cell in aligned.cells:
        status = "/".join(dict.fromkeys(one.certificate.status for one in cell.cells))
        metrics, groups = _over_seeds(Block(cells=(cell,)), num_bootstrap, seed)
        cells.append(SeedsCell(name=cell.name, rule=cell.cells[0].rule, status=status, cells=(),
                               num_queries=len(cell.ids), num_groups=groups, metrics=metrics))  # fmt: skip
    headlines = []
    for (name, rule), block in aligned.headlines.items():
        metrics, groups = _over_seeds(block, num_bootstrap, seed)
        own = tuple(cell.name for cell in block.cells)
        headlines.append(SeedsCell(name=name, rule=rule, status=name, cells=own,
                                   num_queries=0, num_groups=groups, metrics=metrics))  # fmt: skip
    return Seeds(
        num_seeds=len(reports),
        cells=tuple(cells),
        headlines=tuple(headlines),
        statements=(*aligned.statements, *([few] if few else [])),
    )


def _over_seeds(block: Block, num_bootstrap: int, seed: int) -> tuple[dict[str, OverSeeds], int]:
    means, groups = block.means(), len(block.group_names)
    interval = block.interval(nested_draws(block.draws(num_bootstrap, seed), seed=seed), num_bootstrap)
    found = {
        name: OverSeeds(
            mean=float(means[:, i].mean()),
            deviation=float(means[:, i].std(ddof=1)),
            low=None if interval.low is None else float(interval.low[i]),
            high=None if interval.high is None else float(interval.high[i]),
            values=tuple(means[:, i].tolist()),
        )
        for i, name in enumerate(block.metrics)
    }
    return found, groups


def _check(reports: Sequence[Report]) -> None:
    if len(reports) < 2:
        raise MetricError.explain("no seeds to aggregate", got=f"{len(reports)} report", expected="two or more")
    for other in reports[1:]:
        if other.facts.get("rules") != reports[0].facts.get("rules"):
            raise MetricError.explain(
                "seeds with different relevance rules",
                got=other.facts.get("rules"),
                expected=reports[0].facts.get("rules"),
            )
    refuse_twice(reports)

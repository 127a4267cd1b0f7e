"""Is B better than A? Two spaces, or two sets of seeds, compared query by query. Called by `binder.run.comparing`.

Differences are B - A on the same queries. Their intervals are paired cluster bootstraps: one draw of groups
counts for both sides (and, with several seeds a side, a draw of seeds on each side). The p-value is that of a
sign-flip test over groups, which takes the seeds at hand for given; it is corrected over cells after Holm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from binder.errors import MetricError
from binder.evaluate.aligned import AlignedCell, Block, align, refuse_twice
from binder.evaluate.report import Report
from binder.evaluate.scoring import Estimate
from binder.metrics.significance import NUM_FLIPS, holm, nested_draws, sign_flip_p

SHOWN = 50  # queries listed per cell and direction


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of both sides.

    Attributes:
        a: of A; the mean over its seeds.
        b: of B.
        gap: b - a, with its interval.
        p: of the sign-flip test over groups; None with one group, of which nothing can be said.
        p_holm: the same, corrected for the number of cells tested; None for headlines, which are no part of them.
    """

    a: float
    b: float
    gap: Estimate
    p: float | None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A query whose first answer moved; ranks are means over seeds."""

    id: str
    group: str
    content: str
    rank_a: float
    rank_b: float


@dataclass(frozen=True, kw_only=True)
class CellComparison:
    """One cell on both sides.

    Attributes:
        query: modality that asks.
        gallery: modality that answers.
        rule: name of the relevance rule.
        status_a: verdicts of A's certificates, different ones joined by "/".
        status_b: of B's.
        num_queries: paired ones.
        num_groups: of them, the unit of interval and test.
        differences: metric -> both sides and the gap.
        num_won: queries whose first answer ranks higher in B.
        num_lost: lower in B.
        won: those that gained most reciprocal rank, at most `SHOWN`.
        lost: those that lost most.
    """

    query: str
    gallery: str
    rule: str
    status_a: str
    status_b: str
    num_queries: int
    num_groups: int
    differences: dict[str, Difference]
    num_won: int
    num_lost: int
    won: tuple[Change, ...]
    lost: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class HeadlineComparison:
    """The mean over the cells of one kind that both sides have and neither finds tainted."""

    name: str
    rule: str
    cells: tuple[str, ...]
    differences: dict[str, Difference]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """B against A.

    Attributes:
        a: what A is called.
        b: what B is called.
        num_seeds: reports of either side.
        cells: all that both sides have.
        headlines: means over cells.
        statements: what differs beside the numbers, what was left out, how p-values were made.
        num_bootstrap: draws of groups.
        seed: of all draws.
    """

    a: str
    b: str
    num_seeds: tuple[int, int]
    cells: tuple[CellComparison, ...]
    headlines: tuple[HeadlineComparison, ...]
    statements: tuple[str, ...]
    num_bootstrap: int
    seed: int


def compare_reports(
    a: Sequence[Report],
    b: Sequence[Report],
    *,
    names: tuple[str, str] = ("A", "B"),
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Subtract A from B.

    Args:
        a: one report, or one per seed.
        b: the same of the other side.
        names: of the two sides.
        num_bootstrap: draws of groups (and seeds).
        seed: of all draws.

    Raises:
        MetricError: an empty side, reports on different tables, or without a common cell.
    """
    if not a or not b:
        raise MetricError.explain(
            "nothing to compare", got=f"{len(a)} and {len(b)} reports", expected="at least one each"
        )
    refuse_twice(a)
    refuse_twice(b)
    aligned = align([*a, *b])
    sides = _Sides(len(a), len(b), num_bootstrap, seed)
    same_hub = len({report.facts.get("hub_fingerprint") for report in (*a, *b)}) == 1
    fixed = [cell for cell in aligned.cells if same_hub and _is_of_the_hub(cell)]
    cells = [_compare_cell(cell, sides) for cell in aligned.cells if cell not in fixed]
    if not cells:
        raise MetricError.explain("only cells of the hub itself in common", got=", ".join(cell.name for cell in fixed))
    headlines = {key: block for key, block in aligned.headlines.items() if not set(block.cells) <= set(fixed)}
    return Comparison(
        a=names[0],
        b=names[1],
        num_seeds=(len(a), len(b)),
        cells=tuple(_corrected(cells)),
        headlines=tuple(
            HeadlineComparison(
                name=name,
                rule=rule,
                cells=tuple(cell.name for cell in block.cells),
                differences=sides.differences(block),
            )
            for (name, rule), block in headlines.items()
        ),
        statements=(*aligned.statements, *_statements(cells, fixed, sides)),
        num_bootstrap=num_bootstrap,
        seed=seed,
    )


@dataclass(frozen=True)
class _Sides:
    """Reports of A come first, those of B after them."""

    num_a: int
    num_b: int
    num_bootstrap: int
    seed: int

    @property
    def shares(self) -> Float64[np.ndarray, " report"]:
        """What each report adds to B - A."""
        return np.array([-1 / self.num_a] * self.num_a + [1 / self.num_b] * self.num_b)

    def differences(self, block: Block) -> dict[str, Difference]:
        means, draws = block.means(), block.draws(self.num_bootstrap, self.seed)
        of_a, of_b = means[: self.num_a].mean(axis=0), means[self.num_a :].mean(axis=0)
        gaps = nested_draws(draws[self.num_a :], seed=self.seed + 1) - nested_draws(draws[: self.num_a], seed=self.seed)
        interval = block.interval(gaps, self.num_bootstrap)
        p = sign_flip_p(block.group_sums(self.shares), seed=self.seed) if len(block.group_names) > 1 else None
        return {
            name: Difference(
                a=float(of_a[i]),
                b=float(of_b[i]),
                gap=Estimate(
                    value=float(of_b[i] - of_a[i]),
                    low=None if interval.low is None else float(interval.low[i]),
                    high=None if interval.high is None else float(interval.high[i]),
                ),
                p=None if p is None else float(p[i]),
            )
            for i, name in enumerate(block.metrics)
        }


def _compare_cell(cell: AlignedCell, sides: _Sides) -> CellComparison:
    rank_a, rank_b = cell.best_rank[: sides.num_a].mean(axis=0), cell.best_rank[sides.num_a :].mean(axis=0)
    first, status = cell.cells[0], [one.certificate.status for one in cell.cells]
    gain = 1 / rank_b - 1 / rank_a
    order = np.argsort(-gain, kind="stable")
    won, lost = order[gain[order] > 0].tolist(), order[::-1][gain[order[::-1]] < 0].tolist()

    def change(i: int) -> Change:
        return Change(
            id=cell.ids[i],
            group=cell.groups[i],
            content=cell.content[i],
            rank_a=float(rank_a[i]),
            rank_b=float(rank_b[i]),
        )

    return CellComparison(
        query=first.query,
        gallery=first.gallery,
        rule=first.rule,
        status_a="/".join(dict.fromkeys(status[: sides.num_a])),
        status_b="/".join(dict.fromkeys(status[sides.num_a :])),
        num_queries=len(cell.ids),
        num_groups=len(set(cell.groups)),
        differences=sides.differences(Block(cells=(cell,))),
        num_won=len(won),
        num_lost=len(lost),
        won=tuple(map(change, won[:SHOWN])),
        lost=tuple(map(change, lost[:SHOWN])),
    )


def _corrected(cells: Sequence[CellComparison]) -> list[CellComparison]:
    """Holm over all cells, for each metric by itself."""
    new = [dict(cell.differences) for cell in cells]
    for metric in dict.fromkeys(name for own in new for name in own):
        tested = [(own, own[metric].p) for own in new if metric in own and own[metric].p is not None]
        adjusted = holm(np.array([p for _, p in tested], dtype=np.float64))
        for (own, _), value in zip(tested, adjusted.tolist(), strict=True):
            own[metric] = replace(own[metric], p_holm=value)
    return [replace(cell, differences=own) for cell, own in zip(cells, new, strict=True)]


def _is_of_the_hub(cell: AlignedCell) -> bool:
    native = all(one.certificate.pair == "hub-native" for one in cell.cells)
    return native and bool((cell.best_rank == cell.best_rank[0]).all())


def _statements(cells: Sequence[CellComparison], fixed: Sequence[AlignedCell], sides: _Sides) -> list[str]:
    said = []
    if fixed:
        said.append(f"not tested, the hub's own and the same on both sides: {', '.join(cell.name for cell in fixed)}")
    said.append(
        f"p: sign-flip test over groups (all patterns, or {NUM_FLIPS} random ones); Holm over {len(cells)} cells, "
        "for each metric by itself"
    )
    if (sides.num_a, sides.num_b) != (1, 1):
        said.append("intervals are over seeds and groups; p takes these seeds for given")
    tainted = [f"{cell.query} -> {cell.gallery}" for cell in cells if "tainted" in f"{cell.status_a} {cell.status_b}"]
    if tainted:
        said.append(f"tainted on one side or both, in no headline: {', '.join(dict.fromkeys(tainted))}")
    return said

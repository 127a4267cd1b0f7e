"""A space beside what else could have been built: a floor below it, a ceiling above. Called by `binder.run.references`.

- `floor`: the same encoders as they were before training, with a head in closed form on the same hub pairs.
- `ceiling`: a tower of the same kind trained on the pair itself, which the space never saw.

Both are reports on the same table, so they are compared query by query, in the same draws of groups. The ratio
is (score - chance) / (ceiling - chance): how much of what pairs would give came without them.
"""

import numpy as np

from binder.evaluate.aligned import Block, align
from binder.evaluate.reference import Kind, Reference
from binder.evaluate.report import Report
from binder.evaluate.scoring import Estimate, Estimates

METRICS = ("hit@1", "mAP")


def refer(report: Report, other: Report, *, kind: Kind, note: str, num_bootstrap: int, seed: int) -> list[Reference]:
    """Set every cell that both reports have beside that of `other`.

    Raises:
        MetricError: reports on different tables, or without a common cell.
    """
    return [_reference(Block(cells=(cell,)), kind, note, num_bootstrap, seed) for cell in align([report, other]).cells]


def _reference(block: Block, kind: Kind, note: str, num_bootstrap: int, seed: int) -> Reference:
    cell = block.cells[0].cells[0]
    places = [block.metrics.index(name) for name in METRICS]
    chance = np.array([cell.chance[name] for name in METRICS])
    own, theirs = block.means()[:, places]
    own_draws, their_draws = block.draws(num_bootstrap, seed)[:, :, places]

    def estimated(values: np.ndarray, draws: np.ndarray) -> Estimates:
        with np.errstate(invalid="ignore"):  # between two unbounded draws there is no number, and no bound
            bounds = block.interval(draws, num_bootstrap)
        ends = (None,) * len(METRICS)
        low, high = (ends if one is None else one.tolist() for one in (bounds.low, bounds.high))
        rows = zip(METRICS, values.tolist(), low, high, strict=True)
        return {
            name: Estimate(value=value, low=a, high=b if b is None or np.isfinite(b) else None)
            for name, value, a, b in rows
        }

    above = np.where(their_draws > chance, their_draws - chance, 0)  # a draw at chance leaves the ratio unbounded
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(above > 0, (own_draws - chance) / above, np.inf)
        ratio = estimated((own - chance) / (theirs - chance), ratios)
    return Reference(
        kind=kind,
        query=cell.query,
        gallery=cell.gallery,
        rule=cell.rule,
        metrics=estimated(theirs, their_draws),
        difference=estimated(own - theirs, own_draws - their_draws),
        ratio={name: ratio[name] for name, fine in zip(METRICS, theirs > chance, strict=True) if fine},
        note=note,
    )

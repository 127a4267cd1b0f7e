"""`learning_curve`: a run trained on nested parts of its training rows, and what more rows would give. Floor: run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from binder.config import RunConfig, load_config
from binder.errors import ConfigError, TrainingError
from binder.evaluate import Report
from binder.evaluate.aligned import Block, align
from binder.evaluate.curves import FEWEST, CurvePoint, Forecast, LearningCurve, PairsNeeded, fit_curve
from binder.evaluate.scoring import Estimate
from binder.run.evaluation import evaluate_run
from binder.run.tables import open_splits, require_split, tower_specs
from binder.run.training import train
from binder.storage import is_complete, write_json

FRACTIONS = (0.1, 0.25, 0.5, 1.0)
_AHEAD = (2, 4)  # forecasts, in multiples of the largest part


@dataclass(frozen=True, kw_only=True)
class CurveReport:
    """A learning curve of one headline.

    Attributes:
        headline: whose mean is followed: "emergent, tower to tower" where there is one, else "emergent".
        rule: name of the relevance rule.
        metric: that is followed.
        cells: the pairs averaged.
        fractions: of the training rows.
        scores: measured on each, with the interval of its groups.
        curve: the law fitted to them.
        forecasts: for two and four times the largest part.
        needed: for the score that was asked for, if one was.
        statements: what a reader must know beside the numbers.
    """

    headline: str
    rule: str
    metric: str
    cells: tuple[str, ...]
    fractions: tuple[float, ...]
    scores: tuple[Estimate, ...]
    curve: LearningCurve
    forecasts: tuple[Forecast, ...]
    needed: PairsNeeded | None
    statements: tuple[str, ...]


def learning_curve(
    config: RunConfig,
    fractions: Sequence[float] = FRACTIONS,
    *,
    metric: str = "mAP",
    goal: float | None = None,
    console: Console | None = None,
) -> CurveReport:
    """Train and evaluate a run on parts of its training rows, and fit the law of `binder.evaluate.curves`.

    Parts are nested (`data.train_fraction`), each a run of its own in `OUTPUT/fraction_F`; parts that are finished
    are kept, one that was stopped goes on. The curve is stored as `OUTPUT/curve.json`. Everything but the training
    rows stays as configured: with the same epochs, a smaller part makes fewer steps.

    Args:
        config: of the whole run.
        fractions: four or more, each above 0 and at most 1.
        metric: of the headline; one that every cell has.
        goal: a score, for which the pairs needed are foreseen.
        console: where progress is drawn.

    Raises:
        ConfigError: too few fractions, or outside 0..1.
        TrainingError: a part was begun with other settings, or nothing is emergent.
        MetricError: points through which no curve can be put.
    """
    fractions = tuple(sorted(set(fractions)))
    if len(fractions) < FEWEST or not 0 < fractions[0] <= fractions[-1] <= 1:
        raise ConfigError.explain("no curve from these", got=fractions, expected=f"{FEWEST} fractions or more in 0..1")
    config = config.resolved()
    parts = [_part(config, fraction) for fraction in fractions]
    sizes = [_num_pairs(part) for part in parts]
    reports = [_finish(part, console) for part in parts]
    aligned = align(reports)
    (headline, rule), block = _followed(aligned.headlines, metric)
    column = block.metrics.index(metric)
    means, draws = block.means()[:, column], block.draws(config.evaluate.bootstrap, config.seed)
    points = [
        CurvePoint(num_pairs=size, score=float(mean), draws=own)
        for size, mean, own in zip(sizes, means, draws[:, :, column], strict=True)
    ]
    chance = float(np.mean([cell.cells[-1].chance[metric] for cell in block.cells]))
    curve = fit_curve(points, chance=chance, seed=config.seed)
    found = CurveReport(
        headline=headline,
        rule=rule,
        metric=metric,
        cells=tuple(cell.name for cell in block.cells),
        fractions=fractions,
        scores=tuple(_estimate(block, draws[i], column, float(means[i])) for i in range(len(reports))),
        curve=curve,
        forecasts=tuple(curve.forecast(times * curve.largest) for times in _AHEAD),
        needed=None if goal is None else curve.pairs_needed(goal),
        statements=(*aligned.statements, "one training per size: intervals are over test groups, and the law's misfit"),
    )
    write_json(config.output / "curve.json", TypeAdapter(CurveReport).dump_python(found, mode="json"))
    return found


def print_curve(found: CurveReport, console: Console) -> None:
    """Print points, forecasts and the answer to "how many pairs do I need?"."""
    table = Table("training rows", found.metric, "95 %", "", title=f"mean of {found.headline}", title_justify="left")
    for size, score in zip(found.curve.sizes, found.scores, strict=True):
        table.add_row(f"{size:,}", f"{score.value:.3f}", _bounds(score), "measured")
    for one in found.forecasts:
        table.add_row(f"{one.num_pairs:,}", f"{one.score.value:.3f}", _bounds(one.score), "foreseen")
    console.print(table)
    ceiling = found.curve.ceiling
    console.print(f"ceiling {ceiling.value:.3f} [{_bounds(ceiling)}], chance {found.curve.chance:.3f}", highlight=False)
    if found.needed is not None:
        console.print(needed_in_words(found.needed), highlight=False)
    for note in (*found.curve.notes, *found.statements):
        console.print(f"- {note}", style="dim", markup=False, highlight=False)


def needed_in_words(needed: PairsNeeded) -> str:
    """One line, such as "0.6 needs 3,100 pairs [2,400 6,000]"."""
    if needed.num_pairs is None:
        return f"{needed.score:g} is not reachable on this curve ({needed.reached:.0%} of the draws get there)"
    bounds = " ".join("?" if bound is None else f"{bound:,}" for bound in (needed.low, needed.high))
    far = "; far beyond the data: the law alone says so" if needed.far else ""
    return f"{needed.score:g} needs {needed.num_pairs:,} pairs [{bounds}]{far}"


def _part(config: RunConfig, fraction: float) -> RunConfig:
    data = config.data.model_copy(update={"train_fraction": fraction * config.data.train_fraction})
    return config.model_copy(update={"data": data, "output": config.output / f"fraction_{fraction:g}"})


def _num_pairs(config: RunConfig) -> int:
    return len(require_split(open_splits(config.data, seed=config.seed, specs=tower_specs(config)), "train"))


def _finish(config: RunConfig, console: Console | None) -> Report:
    """The report of a part; what is missing is trained and evaluated."""
    if is_complete(config.output / "report"):
        begun = load_config(config.output / "config.yaml")
        if (begun.decisive(), begun.evaluate) != (config.decisive(), config.evaluate):
            raise TrainingError.explain(
                "a finished part has other settings",
                got=config.output,
                fix="choose another output, or remove that folder",
            )
        return Report.load(config.output / "report")
    if not is_complete(config.output / "space"):
        train(config, resume=(config.output / "train").exists(), console=console)
    return evaluate_run(config.output, console=console)


def _followed(headlines: dict[tuple[str, str], Block], metric: str) -> tuple[tuple[str, str], Block]:
    for name in ("emergent, tower to tower", "emergent"):
        for key, block in headlines.items():
            if key[0] == name and metric in block.metrics:
                return key, block
    raise TrainingError.explain(
        f"no emergent pair with {metric} in all parts", choices=[name for name, _ in headlines],
        fix="train two towers or more, and evaluate on rows they have not seen",
    )  # fmt: skip


def _estimate(block: Block, draws: np.ndarray, column: int, value: float) -> Estimate:
    interval = block.interval(draws, len(draws))
    if interval.low is None or interval.high is None:
        return Estimate(value=value)
    return Estimate(value=value, low=float(interval.low[column]), high=float(interval.high[column]))


def _bounds(one: Estimate) -> str:
    return "-" if one.low is None or one.high is None else f"{one.low:.3f} {one.high:.3f}"

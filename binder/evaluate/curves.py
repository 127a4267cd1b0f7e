"""How many hub pairs does it take? A curve of scores over training sizes, and what it foresees.

Called by `binder.run.curves` with scores of nested training sets. The law is a saturating power,
score(n) = c - a n^-b, as J. Hestness et al., 2017 (arXiv:1712.00409) find it for many tasks and C. Cortes et al.,
1993, Learning curves, write it; c lies between chance and 1. Every bootstrap draw is fitted again, so that a
forecast has an interval. An interval is a statement about this law: beyond `FAR` times the data it is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from binder.errors import MetricError
from binder.evaluate.scoring import Estimate
from binder.metrics import CONFIDENCE

FAR = 4.0  # forecasts beyond so many times the largest training set are marked
FEWEST = 4  # sizes: three numbers are fitted
_GRID = 200  # values of b that are tried
_MOST = 1e9  # pairs: what needs more is out of reach
_STEEPNESS = (0.05, 2.0)  # bounds of b: flatter is a line in the logarithm, steeper is saturated at once
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class CurvePoint:
    """One training size.

    Attributes:
        num_pairs: training pairs, at least 1.
        score: measured, of a metric in 0..1 that grows with quality.
        draws: the same in every bootstrap draw; draw d of all points is of the same groups.
    """

    num_pairs: int
    score: float
    draws: Float64[np.ndarray, " draw"]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the curve says of a training size.

    Attributes:
        num_pairs: the size.
        score: expected there, with its interval.
        far: beyond `FAR` times the largest training set: nothing but the law speaks there.
    """

    num_pairs: int
    score: Estimate
    far: bool


@dataclass(frozen=True, kw_only=True)
class PairsNeeded:
    """What it takes to reach a score.

    Attributes:
        score: that is asked for.
        num_pairs: needed after the fit; None where it is not reachable on this curve.
        low: lower bound of the interval; None where not even that is reachable.
        high: upper bound; None where it has none: draws of more than 2.5 % never get there.
        reached: share of the draws that get there.
        far: `num_pairs` or a bound lies beyond `FAR` times the largest training set, or nowhere.
    """

    score: float
    num_pairs: int | None
    low: int | None
    high: int | None
    reached: float
    far: bool


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """The fitted law, score(n) = ceiling - drop (n / largest)^-steepness.

    Attributes:
        ceiling: c, the score with pairs without end; its interval is the fits'.
        drop: how far below the ceiling the largest training set is.
        steepness: b.
        chance: floor of all forecasts.
        largest: pairs of the largest training set.
        sizes: of all training sets.
        scores: measured on them.
        fits: (ceiling, drop, steepness) of every draw.
        notes: what a reader must know beside the numbers.
    """

    ceiling: Estimate
    drop: float
    steepness: float
    chance: float
    largest: int
    sizes: tuple[int, ...]
    scores: tuple[float, ...]
    fits: tuple[tuple[float, float, float], ...]
    notes: tuple[str, ...]

    def forecast(self, num_pairs: int) -> Forecast:
        """The score expected from `num_pairs` training pairs."""
        if num_pairs < 1:
            raise MetricError.explain("no forecast without pairs", got=num_pairs, expected="1 or more")
        own = _score(num_pairs / self.largest, self.ceiling.value, self.drop, self.steepness)
        draws = _score(num_pairs / self.largest, *np.array(self.fits).T)
        low, high = np.quantile(np.clip(draws, self.chance, 1), (_TAIL, 1 - _TAIL))
        value = float(np.clip(own, self.chance, 1))
        estimate = Estimate(value=value, low=min(value, float(low)), high=max(value, float(high)))
        return Forecast(num_pairs=num_pairs, score=estimate, far=num_pairs > FAR * self.largest)

    def pairs_needed(self, score: float) -> PairsNeeded:
        """How many pairs reach `score`."""
        if not self.chance < score < 1:
            raise MetricError.explain("no such score to reach", got=score, expected=f"between {self.chance:.3g} and 1")
        own = self._needed(score, self.ceiling.value, self.drop, self.steepness)
        draws = self._needed(score, *np.array(self.fits).T)
        low, high = np.quantile(draws, (_TAIL, 1 - _TAIL), method="nearest")  # infinite ones don't mix
        found = [_count(float(n)) for n in (own, min(own, low), max(own, high))]
        return PairsNeeded(
            score=score,
            num_pairs=found[0],
            low=found[1],
            high=found[2],
            reached=float(np.isfinite(draws).mean()),
            far=any(n is None or n > FAR * self.largest for n in found),
        )

    def _needed(
        self, score: float, ceiling: np.ndarray | float, drop: np.ndarray | float, steepness: np.ndarray | float
    ):
        missing = np.asarray(ceiling) - score
        times = np.divide(drop, missing, out=np.full(missing.shape, np.inf), where=missing > 0)
        with np.errstate(over="ignore"):
            pairs = self.largest * times ** (1 / np.asarray(steepness))
        return np.where(pairs <= _MOST, np.maximum(pairs, 1), np.inf)


def fit_curve(points: Sequence[CurvePoint], *, chance: float, seed: int = 0) -> LearningCurve:
    """Fit the law to scores, and to every draw of them.

    Points count by the inverse of their draws' variance. Draws show what other test groups would change, not what
    other training sets would; where the points lie further from the law than the draws explain, what is
    unexplained is added to every draw as noise (with four points or more).

    Args:
        points: at least four sizes, several points of one size allowed (seeds).
        chance: score of blind guessing: no ceiling and no forecast lies below.
        seed: of the noise.

    Raises:
        MetricError: too few sizes, scores outside 0..1, unequal numbers of draws, or chance outside 0..1.
    """
    points = sorted(points, key=lambda point: point.num_pairs)
    sizes, scores, draws = _checked(points, chance)
    largest = int(sizes.max())
    shares = sizes / largest
    spread = np.maximum(draws.std(axis=1, ddof=1), 1e-3)  # a saturated point must not outweigh all others
    best = _fit(shares, scores[None], spread, chance)[0].tolist()
    residual = scores - _score(shares, *best)
    unexplained = _unexplained(residual, spread)
    noise = np.random.default_rng(seed).normal(size=draws.shape) * unexplained
    fits = _fit(shares, (draws + noise).T, spread, chance)
    low, high = np.quantile(fits[:, 0], (_TAIL, 1 - _TAIL))
    notes = []
    if unexplained > 0:
        notes.append(
            f"points lie off the law by {unexplained:.3f} more than test groups explain: added to the intervals"
        )
    if scores.max() - scores.min() < 2 * spread.max():
        notes.append("the curve hardly rises: sizes that differ more would say more")
    if high >= 1 - 1e-6:
        notes.append("the curve hardly bends yet: its ceiling may be as high as 1")
    return LearningCurve(
        ceiling=Estimate(value=best[0], low=min(best[0], float(low)), high=max(best[0], float(high))),
        drop=best[1],
        steepness=best[2],
        chance=chance,
        largest=largest,
        sizes=tuple(sizes.tolist()),
        scores=tuple(scores.tolist()),
        fits=tuple(map(tuple, fits.tolist())),
        notes=tuple(notes),
    )


def _score(
    share: np.ndarray | float, ceiling: np.ndarray | float, drop: np.ndarray | float, steepness: np.ndarray | float
):
    return ceiling - drop * np.asarray(share, np.float64) ** -np.asarray(steepness)


def _fit(
    shares: Float64[np.ndarray, " point"],
    scores: Float64[np.ndarray, "draw point"],
    spread: Float64[np.ndarray, " point"],
    chance: float,
) -> Float64[np.ndarray, "draw 3"]:
    """Weighted least squares of every row of scores: the best of a grid of steepness, ceiling and drop being linear.

    That is variable projection (G. Golub and V. Pereyra, 1973): no starting point, no local minimum, all draws at once.
    Within bounds the optimum is the free one, or lies on a bound.
    """
    weights = 1 / spread**2 / (1 / spread**2).sum()
    x = shares ** -np.geomspace(*_STEEPNESS, _GRID)[:, None]
    mean_x, mean_y, y = x @ weights, (scores @ weights)[:, None], scores[:, None, :]
    slope = ((x - mean_x[:, None]) * (y - mean_y[..., None])) @ weights / ((x - mean_x[:, None]) ** 2 @ weights)
    flat = np.broadcast_to(np.clip(mean_y, chance, 1), slope.shape)
    tried = [(mean_y - slope * mean_x, -slope), (flat, np.zeros_like(slope))]
    for bound in (chance, 1.0):
        drop = ((bound - y) * x) @ weights / (x**2 @ weights)
        tried.append((np.full_like(slope, bound), np.maximum(drop, 0)))
    ceilings, drops = (np.stack(part) for part in zip(*tried, strict=True))
    cost = (y - ceilings[..., None] + drops[..., None] * x) ** 2 @ weights
    cost[(ceilings < chance) | (ceilings > 1) | (drops < 0)] = np.inf
    case, place = np.divmod(cost.swapaxes(0, 1).reshape(len(scores), -1).argmin(axis=1), _GRID)
    own = np.arange(len(scores))
    return np.stack(
        [ceilings[case, own, place], drops[case, own, place], np.geomspace(*_STEEPNESS, _GRID)[place]], axis=1
    )


def _unexplained(residual: np.ndarray, spread: np.ndarray) -> float:
    """Standard deviation of the points about the law that is not in their draws."""
    free = len(residual) - 3
    return float(np.sqrt(max(0.0, (residual**2).sum() / free - (spread**2).mean())))


def _count(pairs: float) -> int | None:
    return int(np.ceil(pairs)) if np.isfinite(pairs) else None


def _checked(points: Sequence[CurvePoint], chance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = np.array([point.num_pairs for point in points], dtype=np.int64)
    if len(set(sizes.tolist())) < FEWEST or sizes.min() < 1:
        raise MetricError.explain(
            "too few training sizes", got=sizes.tolist(), expected=f"{FEWEST} different ones or more"
        )
    if len({len(point.draws) for point in points}) > 1 or len(points[0].draws) < 2:
        raise MetricError.explain("points with different draws", got=[len(point.draws) for point in points])
    scores, draws = np.array([point.score for point in points]), np.stack([point.draws for point in points])
    if not (np.isfinite(draws).all() and (0 <= scores).all() and (scores <= 1).all()):
        raise MetricError.explain(
            "scores outside 0..1", got=scores.tolist(), fix="use hit@k, recall@k, mAP, MRR or accuracy"
        )
    if not 0 <= chance < 1:
        raise MetricError.explain("chance outside 0..1", got=chance)
    return sizes, scores, draws

"""From a score to the probability of a match, and the score below which nothing matches. Floor: metrics.

Cosines of two modality pairs do not compare: each pair has its own offset and spread. Scores are therefore read in
units of the pair's own *non-matching* scores, z = (score - mean) / spread, and a `MatchModel` says how much more likely
a z is for a match than for a non-match. Bayes' rule does the rest, with the number of items that compete.

A hub pair has validation matches to fit on (`fit_match`). An emergent pair has none, by definition; `foresee_match`
takes what its two legs through the hub promise (`binder.metrics.composition`) and needs unmatched scores only.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from binder.errors import MetricError

_FEWEST = 10  # matches to fit on
_LIMIT = 30.0  # |log likelihood ratio| that a finite sample can't exceed with reason
BINS = 10


@dataclass(frozen=True, kw_only=True)
class MatchModel:
    """How likely a score makes a match, for one ordered pair of modalities.

    Attributes:
        mean: of the scores of non-matching pairs.
        spread: their standard deviation, above 0.
        z: knots, increasing; where the likelihood ratio is known.
        log_ratio: log p(z | match) / p(z | no match) at the knots, not decreasing; straight between two knots,
            and on along the last slope beyond them where `method` is a line, flat where it is isotonic.
        method: `logistic`, `isotonic`, or `foreseen` from the legs.
    """

    mean: float
    spread: float
    z: tuple[float, ...]
    log_ratio: tuple[float, ...]
    method: Literal["logistic", "isotonic", "foreseen"]

    def probability(
        self, scores: Float64[np.ndarray, " score"], *, num_gallery: int, num_relevant: float = 1.0
    ) -> Float64[np.ndarray, " score"]:
        """Probability that the item behind each score is an answer, one of `num_relevant` among `num_gallery`.

        Raises:
            MetricError: numbers with 0 < num_relevant < num_gallery not true.
        """
        prior = _log_odds(num_gallery, num_relevant)
        return 1 / (1 + np.exp(-np.clip(self.log_likelihood_ratio(scores) + prior, -_LIMIT, _LIMIT)))

    def log_likelihood_ratio(self, scores: Float64[np.ndarray, " score"]) -> Float64[np.ndarray, " score"]:
        """Log p(score | match) / p(score | no match)."""
        z = (scores - self.mean) / self.spread
        inside = np.interp(z, self.z, self.log_ratio)
        if self.method == "isotonic":
            return inside
        slope = (self.log_ratio[-1] - self.log_ratio[0]) / (self.z[-1] - self.z[0])
        return np.clip(inside + slope * (z - np.clip(z, self.z[0], self.z[-1])), -_LIMIT, _LIMIT)

    def threshold(self, *, num_gallery: int, num_relevant: float = 1.0) -> float | None:
        """The score at which a match is as likely as not; below it the honest answer is "nothing matches".

        Returns:
            The score, or None where no score is convincing in a gallery of that size.
        """
        wanted = -_log_odds(num_gallery, num_relevant)
        if self.method != "isotonic":
            slope = (self.log_ratio[-1] - self.log_ratio[0]) / (self.z[-1] - self.z[0])
            if slope <= 0 or wanted > _LIMIT:
                return None
            return self.mean + self.spread * (self.z[0] + (wanted - self.log_ratio[0]) / slope)
        reached = [i for i, value in enumerate(self.log_ratio) if value >= wanted]
        if not reached:
            return None
        i = reached[0]
        if i == 0:
            return self.mean + self.spread * self.z[0]
        share = (wanted - self.log_ratio[i - 1]) / (self.log_ratio[i] - self.log_ratio[i - 1])
        return self.mean + self.spread * (self.z[i - 1] + share * (self.z[i] - self.z[i - 1]))


def fit_match(
    matching: Float64[np.ndarray, " match"],
    other: Float64[np.ndarray, " other"],
    *,
    method: Literal["logistic", "isotonic"] = "logistic",
) -> MatchModel:
    """Learn the likelihood ratio from validation scores.

    Both kinds get the same total weight, so that the odds of the fit *are* the likelihood ratio: logistic after
    Platt (1999), isotonic after Zadrozny and Elkan (KDD 2002), both by scikit-learn.

    Args:
        matching: scores of validation pairs that match.
        other: scores of validation pairs that do not.
        method: a straight line in z, or any not decreasing function (wants hundreds of matches).

    Raises:
        MetricError: fewer than 10 scores of a kind, values that are not finite, or no spread at all.
    """
    mean, spread = _standard(other)
    _check("matches", matching)
    z = np.concatenate([matching, other])
    z = (z - mean) / spread
    label = np.repeat([1, 0], [len(matching), len(other)])
    weight = np.where(label == 1, 0.5 / len(matching), 0.5 / len(other)) * len(z)
    if method == "logistic":
        model = LogisticRegression(C=1e4, max_iter=1000).fit(z[:, None], label, sample_weight=weight)
        slope, start = max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0])  # more alike is never less likely
        return _line(mean, spread, slope, start if slope else 0.0, "logistic")
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(z, label, sample_weight=weight)
    limit = 1 / (2 * len(matching))  # a finite sample shows no ratio beyond its own size
    share = np.clip(fitted.y_thresholds_, limit, 1 - limit)
    knots = tuple(fitted.X_thresholds_.tolist())
    return MatchModel(
        mean=mean, spread=spread, z=knots, log_ratio=tuple(np.log(share / (1 - share)).tolist()), method="isotonic"
    )


def foresee_match(separation: float, other: Float64[np.ndarray, " other"]) -> MatchModel:
    """The likelihood ratio where no match was ever seen: two equal normals, `separation` spreads apart.

    log N(z; d, 1) / N(z; 0, 1) = d z - d^2 / 2.

    Args:
        separation: d, how far matches are expected to lie above non-matches, in spreads of the non-matches; below 0
            counts as 0, which makes every score say nothing.
        other: scores of unmatched pairs of the two modalities.

    Raises:
        MetricError: too few scores, or scores without spread.
    """
    mean, spread = _standard(other)
    distance = max(separation, 0.0)
    return _line(mean, spread, distance, -(distance**2) / 2, "foreseen")


def calibration_error(
    probability: Float64[np.ndarray, " item"], matched: np.ndarray, *, bins: int = BINS
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error over equally filled bins, and (mean probability, share matched, size) of each.

    Naeini et al., AAAI 2015, with bins of equal mass, since almost all pairs are non-matches.
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = [(float(probability[part].mean()), float(matched[part].mean()), len(part)) for part in parts]
    return sum(abs(said - seen) * size for said, seen, size in rows) / len(probability), rows


def _line(
    mean: float, spread: float, slope: float, start: float, method: Literal["logistic", "foreseen"]
) -> MatchModel:
    ends = (-5.0, 5.0)
    return MatchModel(
        mean=mean, spread=spread, z=ends, log_ratio=tuple(start + slope * end for end in ends), method=method
    )


def _standard(other: np.ndarray) -> tuple[float, float]:
    _check("non-matches", other)
    spread = float(other.std())
    if spread < 1e-7:  # rounding of unit vectors
        raise MetricError.explain("scores of non-matches have no spread: the space has collapsed", got=f"std {spread}")
    return float(other.mean()), spread


def _check(what: str, scores: np.ndarray) -> None:
    if len(scores) < _FEWEST or not np.isfinite(scores).all():
        raise MetricError.explain(
            f"can't calibrate on these {what}", got=f"{len(scores)} scores", expected=f"{_FEWEST} or more, finite"
        )


def _log_odds(num_gallery: int, num_relevant: float) -> float:
    if not 0 < num_relevant < num_gallery:
        raise MetricError.explain(
            "odds need a gallery larger than its answers", got=f"{num_relevant} answers among {num_gallery}"
        )
    return math.log(num_relevant / (num_gallery - num_relevant))

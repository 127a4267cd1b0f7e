"""Match probabilities for every pair of modalities: learned on validation, judged on the evaluated table.

Called by `binder.run`. Where the hub embeds one side, validation holds matches, and the model is fitted to them. Where
it embeds neither, no matching pair may be used: the model is foreseen from the two legs through the hub and from
scores of samples of different groups, which need no pairing (`binder.metrics.calibration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from binder.errors import MetricError
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.items import Items, collapse
from binder.evaluate.pair_scores import PairScores, pair_scores
from binder.evaluate.relevance import RelevanceRule, relate
from binder.evaluate.scoring import Question
from binder.metrics import MatchModel, calibration_error, fit_match, foresee_match, hub_spread, product_excess

_UNMATCHED = 20_000  # random pairs of different groups


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How scores of one ordered pair are read as probabilities.

    Attributes:
        query: who asks.
        gallery: who answers.
        rule: name of the relevance rule.
        model: the likelihood ratio of a match.
        source: what it was learned from.
    """

    query: str
    gallery: str
    rule: str
    model: MatchModel
    source: str


@dataclass(frozen=True, kw_only=True)
class CalibrationCheck:
    """What a calibration said about the evaluated pairs, and what was true.

    Attributes:
        method: `logistic`, `isotonic` or `foreseen`.
        source: what it was learned from.
        threshold: score from which a match is as likely as not in this gallery; None where no score is.
        error: expected calibration error, 0 to 1, over as many matching as other pairs.
        accepted: share of the matching pairs above the threshold; None without one.
        false_alarms: share of the other pairs above it; None without one.
        bins: (probability said, share that matched, pairs), by rising probability.
    """

    method: str
    source: str
    threshold: float | None
    error: float
    accepted: float | None
    false_alarms: float | None
    bins: tuple[tuple[float, float, int], ...]


def calibrate(
    encoded: Mapping[str, EncodedModality], rows: Rows, rule: RelevanceRule, *, seed: int = 0
) -> tuple[dict[tuple[str, str], Calibration], list[str]]:
    """Learn a calibration for every ordered pair of modalities of a validation table.

    Args:
        encoded: modality -> its vectors on the *validation* table.
        rows: of that table.
        rule: which items match.
        seed: of what is drawn.

    Returns:
        (query, gallery) -> calibration, and why pairs that are missing have none.
    """
    items = {name: collapse(one, rows) for name, one in encoded.items()}
    pairs = [(a, c) for a in items for c in items if a != c]
    scores = {
        pair: _scores(items[pair[0]], items[pair[1]], rows, rule, seed) for pair in pairs if _hub_pair(items, pair)
    }
    found, missing = {}, []
    for pair in pairs:
        try:
            learned = _fitted(scores[pair]) if pair in scores else _foreseen(items, pair, scores, rows, seed)
        except MetricError as error:
            learned = str(error).splitlines()[0]
        if isinstance(learned, str):
            missing.append(f"{pair[0]} -> {pair[1]} is not calibrated: {learned}")
        else:
            model, source = learned
            found[pair] = Calibration(query=pair[0], gallery=pair[1], rule=rule.name, model=model, source=source)
    return found, missing


def check_calibration(calibration: Calibration, scores: PairScores, num_gallery: int) -> CalibrationCheck:
    """Compare what was said with what is true, on the scores of an evaluated cell.

    Probabilities are judged on as many matching as other pairs: as they occur, one pair in a thousand matches, and
    whoever always says "no" is well calibrated.
    """
    model = calibration.model
    size = {"num_gallery": num_gallery, "num_relevant": min(scores.mean_relevant, num_gallery - 1)}
    num = min(len(scores.matching), len(scores.other))
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.permutation(kind)[:num] for kind in (scores.matching, scores.other)])
    error, bins = calibration_error(model.probability(drawn, num_gallery=2), np.repeat([True, False], num))
    threshold = model.threshold(**size)
    above = (
        None if threshold is None else [float((kind >= threshold).mean()) for kind in (scores.matching, scores.other)]
    )
    return CalibrationCheck(
        method=model.method,
        source=calibration.source,
        threshold=threshold,
        error=error,
        accepted=above[0] if above else None,
        false_alarms=above[1] if above else None,
        bins=tuple(bins),
    )


def _hub_pair(items: Mapping[str, Items], pair: tuple[str, str]) -> bool:
    return any(items[name].native for name in pair)


def _scores(query: Items, gallery: Items, rows: Rows, rule: RelevanceRule, seed: int) -> PairScores | None:
    attributes = rule.shared(query.name, gallery.name)
    if not attributes:
        return None
    question = Question(
        query=query, gallery=gallery, relevance=relate(query, gallery, attributes, rows), num_bootstrap=1, seed=seed
    )
    return pair_scores(question, query.vectors, gallery.vectors) if len(question.kept) else None


def _fitted(scores: PairScores | None) -> tuple[MatchModel, str] | str:
    if scores is None:
        return "no matching and no other pair in validation"
    return fit_match(scores.matching, scores.other), f"{len(scores.matching)} matching validation pairs"


def _foreseen(
    items: Mapping[str, Items],
    pair: tuple[str, str],
    scores: Mapping[tuple[str, str], PairScores | None],
    rows: Rows,
    seed: int,
) -> tuple[MatchModel, str] | str:
    """From the hub modality that promises most; scores of different groups stand for those that do not match."""
    query, gallery = (items[name] for name in pair)
    promised = {}
    for via in (one for one in items.values() if one.native):
        legs = scores.get((query.name, via.name)), scores.get((via.name, gallery.name))
        spread = hub_spread(via.vectors)
        if legs[0] is not None and legs[1] is not None and spread > 1e-9:
            promised[via.name] = product_excess(legs[0].excess, legs[1].excess, spread)
    if not promised:
        return "no hub modality of the validation table joins the two"
    via = max(promised, key=lambda name: promised[name])
    other, around = _unmatched(query, gallery, seed)
    return foresee_match(promised[via] / around, other), f"foreseen from the legs through {via}"


def _unmatched(query: Items, gallery: Items, seed: int) -> tuple[np.ndarray, float]:
    """Scores of random pairs of different groups, and their spread around the query's mean."""
    rng = np.random.default_rng(seed)
    left, right = (rng.integers(len(side), size=_UNMATCHED) for side in (query, gallery))
    groups = [np.array(side.groups)[chosen] for side, chosen in ((query, left), (gallery, right))]
    apart = groups[0] != groups[1]
    a, c = query.vectors[left[apart]].astype(np.float64), gallery.vectors[right[apart]]
    scores = (a * c).sum(axis=1)
    around = scores - a @ gallery.vectors.mean(axis=0, dtype=np.float64)
    return scores, max(float(around.std()), 1e-9)

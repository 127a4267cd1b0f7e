"""Do no harm: pick a correction on validation, without a single emergent pair, or leave raw alone. Floor: evaluate.

Two kinds of evidence, both as paired differences of corrected - raw:

- hub pairs, which towers were trained on: the plain retrieval of validation;
- relayed questions (see `binder.evaluate.corrections.evidence`), which look like the emergent pairs.

A candidate is refused if it harms any hub pair beyond noise, or the mean of the relayed questions. Of the others those
count whose gain is sure in one of the two means; the best mean of both wins. With many candidates one is the best by
luck, so "sure" is a bound that holds for all candidates at once: the largest of their studentised draws decides [1].

[1] White, A Reality Check for Data Snooping, Econometrica 68 (2000), https://doi.org/10.1111/1468-0262.00152
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from binder.errors import MetricError
from binder.evaluate.corrections.comparing import difference, rank_corrected, rank_raw
from binder.evaluate.corrections.correction import Correction
from binder.evaluate.scoring import Estimate, Question
from binder.metrics import CONFIDENCE, cluster_means, group_weights, percentile_interval

FEWEST_GROUPS = 5  # of queries; from fewer an interval is too short to bet on


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Mean difference corrected - raw over questions.

    Attributes:
        mean: with its own interval.
        sure: lower bound that holds for all candidates at once; None without an interval.
    """

    mean: Estimate
    sure: float | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was found of one candidate.

    Attributes:
        correction: its name.
        hub: over hub pairs.
        relayed: over relayed questions; None where there were none.
        harmed: hub pairs whose interval lies below zero.
        verdict: "chosen", "good, but not the best", or why it was refused.
    """

    correction: str
    hub: Gain
    relayed: Gain | None
    harmed: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The decision and its numbers, plain data.

    Attributes:
        chosen: name of the correction; None where raw is left alone.
        why: in a sentence.
        metric: that the gains are of.
        raw_hub: mean of the cosine over the hub pairs.
        raw_relayed: the same over the relayed questions; None where there were none.
        hub_pairs: what was asked.
        relayed_pairs: what was asked.
        trials: in the order of the candidates.
    """

    chosen: str | None
    why: str
    metric: str
    raw_hub: float
    raw_relayed: float | None
    hub_pairs: tuple[str, ...]
    relayed_pairs: tuple[str, ...]
    trials: tuple[Trial, ...]


def choose_correction(
    candidates: Sequence[Correction],
    hub_questions: Sequence[Question],
    relayed_questions: Sequence[Question] = (),
    *,
    metric: str = "mAP",
) -> Choice:
    """Judge candidates on validation.

    Args:
        candidates: fitted on training vectors.
        hub_questions: trained pairs of a tower and the hub, with answers.
        relayed_questions: see `relayed_question`.
        metric: a column of `RankTable`.

    Raises:
        MetricError: no candidate or no hub question, a transductive candidate, two of one name, or a hub question
            that is not of a tower and the hub: emergent pairs must not choose what is judged on them.
    """
    _check(candidates, hub_questions)
    hub, relayed = _Evidence(hub_questions, metric), _Evidence(relayed_questions, metric)
    found = [
        (hub.judge(candidate), relayed.judge(candidate) if relayed_questions else None) for candidate in candidates
    ]
    sure = iter(_sure([one for pair in found for one in pair if one is not None]))
    trials = []
    for candidate, (own, other) in zip(candidates, found, strict=True):
        hub_gain = own.gain(next(sure))
        relayed_gain = other.gain(next(sure)) if other is not None else None
        trials.append(
            Trial(
                correction=candidate.name,
                hub=hub_gain,
                relayed=relayed_gain,
                harmed=own.harmed,
                verdict=_verdict(hub_gain, relayed_gain, own.harmed),
            )
        )
    return _decide(trials, hub, relayed)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """One candidate on one kind of evidence: mean difference, the same in every draw, pairs harmed."""

    mean: float
    draws: Float64[np.ndarray, " draw"]
    num_groups: int
    harmed: tuple[str, ...]

    def gain(self, sure: float | None) -> Gain:
        if sure is None:
            return Gain(mean=Estimate(value=self.mean))
        interval = percentile_interval(self.draws[~np.isnan(self.draws), None], self.num_groups)
        assert interval.low is not None and interval.high is not None
        return Gain(mean=Estimate(value=self.mean, low=float(interval.low[0]), high=float(interval.high[0])), sure=sure)


class _Evidence:
    """Questions of one kind, and their raw ranks."""

    def __init__(self, questions: Sequence[Question], metric: str) -> None:
        self.questions, self.metric = questions, metric
        self.raw = [rank_raw(question) for question in questions]
        self.pairs = tuple(f"{one.query.name} -> {one.gallery.name}" for one in questions)
        self.groups = sorted({group for question in questions for group in question.groups})

    def raw_mean(self) -> float | None:
        return float(np.mean([table.means()[self.metric] for table in self.raw])) if self.raw else None

    def judge(self, candidate: Correction) -> _Found:
        """Differences of all questions, in draws that take the same groups from each."""
        number = {name: i for i, name in enumerate(self.groups)}
        first = self.questions[0]
        weights = group_weights(len(self.groups), first.num_bootstrap, first.seed)
        means, draws, harmed = [], np.zeros(first.num_bootstrap), []
        for question, raw, pair in zip(self.questions, self.raw, self.pairs, strict=True):
            corrected = rank_corrected(question, candidate)
            values = corrected.columns()[self.metric] - raw.columns()[self.metric]
            index = np.array([number[group] for group in question.groups], dtype=np.int64)
            means.append(values.mean())
            draws += cluster_means(values[:, None], index, weights)[:, 0]
            high = difference(question, corrected, raw)[self.metric].high
            if high is not None and high < 0:
                harmed.append(pair)
        count = len(self.questions)
        return _Found(
            mean=float(np.mean(means)), draws=draws / count, num_groups=len(self.groups), harmed=tuple(harmed)
        )


def _sure(found: Sequence[_Found]) -> list[float | None]:
    """Lower bounds that hold together; None where groups are too few for any."""
    draws = np.stack([one.draws for one in found])
    draws = draws[:, ~np.isnan(draws).any(axis=0)]  # a draw may hold no group of some question
    if min(one.num_groups for one in found) < FEWEST_GROUPS or draws.shape[1] < len(found[0].draws) / 2:
        return [None] * len(found)
    means = np.array([one.mean for one in found])
    spread = draws.std(axis=1)
    scaled = (draws - means[:, None]) / np.where(spread > 0, spread, 1)[:, None]
    bounds = means - np.quantile(scaled.max(axis=0), CONFIDENCE) * spread
    return [float(bound) for bound in bounds]


def _verdict(hub: Gain, relayed: Gain | None, harmed: tuple[str, ...]) -> str:
    """Why a candidate is refused; empty where it is good."""
    if hub.sure is None:
        return f"no intervals: fewer than {FEWEST_GROUPS} groups of queries"
    if harmed:
        return f"harms {', '.join(harmed)}"
    if relayed is not None and relayed.mean.high is not None and relayed.mean.high < 0:
        return "harms the relayed questions"
    if hub.sure <= 0 and (relayed is None or relayed.sure is None or relayed.sure <= 0):
        return "no sure gain"
    return ""


def _worth(trial: Trial) -> float:
    gains = [one.mean.value for one in (trial.hub, trial.relayed) if one is not None]
    return float(np.mean(gains))


def _decide(trials: Sequence[Trial], hub: _Evidence, relayed: _Evidence) -> Choice:
    good = [trial for trial in trials if not trial.verdict]
    best = max(good, key=_worth) if good else None
    why = (
        f"none of {len(trials)} candidates is surely better without harm"
        if best is None
        else (
            f"{hub.metric} {best.hub.mean.value:+.3f} on hub pairs"
            + (f", {best.relayed.mean.value:+.3f} on relayed questions" if best.relayed is not None else "")
            + f"; no hub pair harmed; best of {len(good)} good among {len(trials)} candidates"
        )
    )
    raw_hub = hub.raw_mean()
    assert raw_hub is not None
    return Choice(
        chosen=None if best is None else best.correction,
        why=why,
        metric=hub.metric,
        raw_hub=raw_hub,
        raw_relayed=relayed.raw_mean(),
        hub_pairs=hub.pairs,
        relayed_pairs=relayed.pairs,
        trials=tuple(
            replace(trial, verdict=trial.verdict or ("chosen" if trial is best else "good, but not the best"))
            for trial in trials
        ),
    )


def _check(candidates: Sequence[Correction], hub_questions: Sequence[Question]) -> None:
    names = [candidate.name for candidate in candidates]
    if not candidates or not hub_questions or len(set(names)) < len(names):
        raise MetricError.explain(
            "nothing to choose by",
            got=f"candidates {names}, {len(hub_questions)} hub pairs",
            expected="one or more candidates of different names, and validation pairs of a tower and the hub",
        )
    for candidate in candidates:
        if candidate.transductive:
            raise MetricError.explain("a transductive correction cannot be chosen", got=candidate.name)
    for question in hub_questions:
        if question.query.native == question.gallery.native:
            raise MetricError.explain(
                "not a hub pair",
                got=f"{question.query.name} -> {question.gallery.name}",
                expected="a tower on one side, the hub on the other: emergent pairs are for judging, not for choosing",
            )

"""Raw against corrected, on the same question with the same draws of groups. Floor: evaluate.

The interval of a difference is that of paired queries: both sides fall and rise with the draw, so it is shorter than
the two intervals suggest, and it alone says whether a correction helped.
"""

from dataclasses import dataclass

from binder.evaluate.corrections.correction import Correction
from binder.evaluate.scoring import Estimates, Question, estimates
from binder.metrics import RankTable, cutoffs_within, rank_metrics, rows_per_block


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One ordered pair, raw and corrected.

    Attributes:
        query: modality that asks.
        gallery: modality that answers.
        rule: name of the relevance rule.
        correction: name of the correction.
        transductive: it knows the test's own vectors: no headline.
        raw: metrics of the cosine.
        corrected: metrics of the correction.
        difference: corrected - raw, with the interval of paired draws; a median rank has none.
    """

    query: str
    gallery: str
    rule: str
    correction: str
    transductive: bool
    raw: Estimates
    corrected: Estimates
    difference: Estimates


def rank_raw(question: Question) -> RankTable:
    """Ranks by the cosine of the vectors as they are."""
    return question.rank(question.query.vectors, question.gallery.vectors)[0]


def rank_corrected(question: Question, correction: Correction) -> RankTable:
    """Ranks by a correction, a block of queries at a time.

    Raises:
        MetricError: the correction was fitted without one of the two modalities.
    """
    query, gallery = question.query, question.gallery
    known = correction.vectors(gallery.name, gallery.vectors)
    asked = correction.vectors(query.name, query.vectors[question.kept])
    score, relevance = correction.scorer(query.name, gallery.name, known), question.relevance[question.kept]
    ks, step = cutoffs_within(len(gallery)), rows_per_block(len(gallery))
    parts = (slice(start, start + step) for start in range(0, len(asked), step))
    return RankTable.concatenate(rank_metrics(score(asked[part]), relevance[part], ks) for part in parts)


def compare(question: Question, correction: Correction, raw: RankTable | None = None, *, rule: str = "") -> Comparison:
    """Raw, corrected and their difference on one question.

    Args:
        question: with at least one query that has an answer.
        correction: fitted on training vectors, or labelled transductive.
        raw: `rank_raw` of the question, where it is at hand.
        rule: name of the relevance rule that the question asks under.

    Raises:
        MetricError: as `rank_corrected`.
    """
    raw = rank_raw(question) if raw is None else raw
    corrected = rank_corrected(question, correction)
    return Comparison(
        query=question.query.name,
        gallery=question.gallery.name,
        rule=rule,
        correction=correction.name,
        transductive=correction.transductive,
        raw=question.estimates(raw),
        corrected=question.estimates(corrected),
        difference=difference(question, corrected, raw),
    )


def difference(question: Question, after: RankTable, before: RankTable) -> Estimates:
    """Mean metrics after - before, with intervals from draws that take the same queries on both sides."""
    means, base = after.means(), before.means()
    draws = question.draws(after) - question.draws(before)
    return estimates({name: means[name] - base[name] for name in means}, draws, question.num_groups)

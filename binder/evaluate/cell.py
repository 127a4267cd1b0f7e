"""One cell of the matrix: all that is measured about one ordered pair under one relevance rule.

Called by `binder.evaluate.runner` for every pair; the finished `Cell` is plain data for the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from binder.evaluate.certificate import Certificate
from binder.evaluate.controls import Control, draw_shuffles, shuffled, two_hop, untrained
from binder.evaluate.corrections import centred
from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.evaluate.label_only import label_only
from binder.evaluate.scoring import Estimates, Pool, Question
from binder.metrics import RankTable, chance_metrics

FEW_GROUPS = 10  # below this a percentile interval is known to be too short
_OFF_CHANCE = 2.0  # how many half-widths chance may lie from a shuffled control before it is called out


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One ordered pair, ready to print and to store.

    Attributes:
        query: modality that asks.
        gallery: modality that answers.
        rule: name of the relevance rule.
        attributes: what both see, and must agree on.
        certificate: trained, hub-native, emergent or tainted.
        why_not: why the cell was not evaluated; None where it was, and then all below is filled.
        num_queries: distinct query items that have an answer.
        num_dropped: distinct query items without an answer in the gallery.
        num_gallery: distinct gallery items.
        mean_relevant: answers per query.
        num_groups: groups of queries, the unit of the intervals.
        metrics: hit@k, recall@k, mAP, mAP@R, R-precision, nDCG@10, MRR, median_rank; k up to the gallery's size.
        chance: what blind guessing scores.
        lift: metric / chance, above 1 is better (median rank: chance / metric).
        pools: size -> hit@k and MRR in a gallery of that size, so that tables of different size compare.
        centred: the metrics after per-modality centring with training means.
        controls: "shuffled", "untrained", "label only", "two-hop via M".
        notes: what a reader must know beside the numbers.
    """

    query: str
    gallery: str
    rule: str
    attributes: tuple[str, ...]
    certificate: Certificate
    why_not: str | None = None
    num_queries: int = 0
    num_dropped: int = 0
    num_gallery: int = 0
    mean_relevant: float = 0.0
    num_groups: int = 0
    metrics: Estimates = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    lift: dict[str, float] = field(default_factory=dict)
    pools: dict[int, Pool] = field(default_factory=dict)
    centred: Estimates | None = None
    controls: dict[str, Control] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.query} -> {self.gallery}"

    def beats(self, control: str, metric: str) -> bool | None:
        """Whether the interval of `metric` lies above that of a control; None where one is missing."""
        own = self.metrics.get(metric)
        other = self.controls[control].metrics.get(metric) if control in self.controls else None
        if own is None or other is None or own.low is None or other.high is None:
            return None
        return own.low > other.high


def measure_cell(
    question: Question,
    banks: Sequence[Items],
    rows: Rows,
    *,
    rule: str,
    attributes: tuple[str, ...],
    certificate: Certificate,
) -> tuple[Cell, RankTable]:
    """Score the raw vectors, the centred ones and every control.

    Args:
        question: with at least one query that has an answer.
        banks: hub-native modalities, for the two-hop control.
        rows: of the table, for the label-only control.
        rule: name of the relevance rule.
        attributes: what both sides see.
        certificate: of the pair.
    """
    query, gallery = question.query, question.gallery
    shuffles = draw_shuffles(len(gallery), question.seed)
    raw, *moved = question.rank(query.vectors, gallery.vectors, shuffles)
    metrics = question.estimates(raw)
    chance = chance_metrics(len(gallery), raw.num_relevant, raw.ks, gain_share=raw.gain_share)
    corrected, correction_notes = _centred(question)
    controls, control_notes = _controls(question, moved, banks, rows)
    cell = Cell(
        query=query.name,
        gallery=gallery.name,
        rule=rule,
        attributes=attributes,
        certificate=certificate,
        num_queries=len(question.kept),
        num_dropped=len(query) - len(question.kept),
        num_gallery=len(gallery),
        mean_relevant=float(raw.num_relevant.mean()),
        num_groups=question.num_groups,
        metrics=metrics,
        chance=chance,
        lift={name: _lift(name, metrics[name].value, chance[name]) for name in metrics},
        pools=question.pooled(raw),
        centred=corrected,
        controls=controls,
        notes=(*_notes(question, controls["shuffled"], chance), *correction_notes, *control_notes),
    )
    return cell, raw


def _centred(question: Question) -> tuple[Estimates | None, list[str]]:
    query, gallery = question.query, question.gallery
    if query.centre is None or gallery.centre is None:
        missing = [side.name for side in (query, gallery) if side.centre is None]
        return None, [f"not centred: no training mean of {' and '.join(missing)}"]
    vectors = centred(query.vectors, query.centre), centred(gallery.vectors, gallery.centre)
    return question.estimates(question.rank(*vectors)[0]), []


def _controls(
    question: Question, moved: list[RankTable], banks: Sequence[Items], rows: Rows
) -> tuple[dict[str, Control], list[str]]:
    controls, notes = {"shuffled": shuffled(question, moved)}, []
    sides = (question.query, question.gallery)
    if all(side.native for side in sides):
        return controls, notes
    before = untrained(question)
    if isinstance(before, Control):
        controls["untrained"] = before
    else:
        notes.append(before)
    known = label_only(question, rows)
    if known is not None:
        controls["label only"] = known
    for bank in banks:
        if len(bank) and bank.name not in (side.name for side in sides):
            controls[f"two-hop via {bank.name}"] = two_hop(question, bank)
    return controls, notes


def _notes(question: Question, control: Control, chance: dict[str, float]) -> list[str]:
    notes = []
    if question.num_groups == 1:
        notes.append("no intervals: all queries are of one group")
    elif question.num_groups < FEW_GROUPS:
        notes.append(f"rough intervals: only {question.num_groups} groups of queries")
    dropped = len(question.query) - len(question.kept)
    if dropped:
        notes.append(f"{dropped} of {len(question.query)} queries dropped: no relevant item in the gallery")
    if too_large := [size for size in question.pools if size > len(question.gallery)]:
        notes.append(f"no pool of {', '.join(map(str, too_large))}: the gallery has {len(question.gallery)}")
    mean = control.metrics["mAP"]
    if mean.low is not None and mean.high is not None:
        if abs(mean.value - chance["mAP"]) > _OFF_CHANCE * max(mean.high - mean.value, mean.value - mean.low) + 1e-9:
            notes.append(f"shuffled control is off chance: mAP {mean.value:.3f}, chance {chance['mAP']:.3f}")
    return notes


def _lift(name: str, value: float, chance: float) -> float:
    return chance / value if name == "median_rank" else value / chance

"""Zero-shot classification: the class is the one whose name, or best name, lies nearest.

Called by `binder.run.protocols` with vectors of items and of prompts (their averages: `binder.prompts`).
Protocol: A. Radford et al., 2021, CLIP, section 3.1, arXiv:2103.00020; several names a class: R. Girdhar et al.,
2023, ImageBind, appendix B, arXiv:2305.05665. mAP over classes as AudioSet reports it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from binder.errors import MetricError
from binder.evaluate.certificate import Certificate
from binder.evaluate.protocols.labelled import Labelled, Prototypes
from binder.evaluate.scoring import Estimates, estimates
from binder.metrics import chance_metrics, group_weights, rank_metrics
from binder.metrics.classification import average_precisions, best_of_names, class_means, confusion

KS = (1, 5)
_MEANS = ("macro", "mAP")  # over classes
_CONFUSED = 3  # other classes named per class


@dataclass(frozen=True, kw_only=True)
class ClassResult:
    """One class.

    Attributes:
        name: of the class.
        names: what it was asked by.
        num_queries: items that have this label.
        accuracy: share of them that were given one of their labels; None without a query.
        average_precision: of ranking all items by this class; None without a query.
        confused_with: wrong classes that its items were given most, with counts.
    """

    name: str
    names: tuple[str, ...]
    num_queries: int
    accuracy: float | None
    average_precision: float | None
    confused_with: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """Zero-shot classification of one modality.

    Attributes:
        modality: of the items.
        label: column of the labels.
        certificate: of the pair (modality, modality of the names).
        num_queries: distinct labelled items.
        num_groups: their groups, the unit of the intervals.
        metrics: top-1, top-5 (where there are more classes than that), macro, mAP; in 0..1.
        chance: what a random order of classes (mAP: of items) scores.
        classes: per-class results.
        confusion: counts of items with one label, (true class, given class); last: undecided between several.
        prompts: the templates and their hash, as handed in.
        notes: what a reader must know beside the numbers.
    """

    modality: str
    label: str
    certificate: Certificate
    num_queries: int
    num_groups: int
    metrics: Estimates
    chance: dict[str, float]
    classes: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    prompts: dict[str, Any] | None
    notes: tuple[str, ...]


def zero_shot(
    items: Labelled,
    prototypes: Prototypes,
    *,
    certificate: Certificate,
    prompts: dict[str, Any] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> ZeroShot:
    """Classify items by the names of classes.

    top-k: one of the item's labels is among the k best classes (ties take the middle rank). macro: mean over
    classes of top-1 among the items of each. mAP: mean over classes of the average precision of all items ranked
    by that class. Classes without an item are asked, but have no part in macro and mAP.

    Args:
        items: labelled over the classes of `prototypes`.
        prototypes: one or several vectors per class.
        certificate: of the pair, from `Training.certify`.
        prompts: facts about the templates, kept with the result.
        num_bootstrap: draws of groups for the intervals.
        seed: of the draws.

    Raises:
        MetricError: classes or widths differ.
    """
    scores = class_scores(items, prototypes)
    ks = tuple(k for k in KS if k == 1 or k < len(prototypes.classes))
    table = rank_metrics(scores, items.truth, ks)
    hits = {f"top-{k}": table.hit[:, i] for i, k in enumerate(ks)}
    names, group = np.unique(np.array(items.groups), return_inverse=True)
    weights = group_weights(len(names), num_bootstrap, seed)[:, group]
    one = np.ones((1, len(items)))
    accuracy, precision = class_means(hits["top-1"], items.truth, one)[0], average_precisions(scores, items.truth, one)
    values, draws, metrics = _means(hits, scores, items, one)[0], _means(hits, scores, items, weights), [*hits, *_MEANS]
    draws[:, -1] += values[-1] - draws[:, -1].mean()  # an item drawn twice ranks beside itself: AP of draws is too high
    return ZeroShot(
        modality=items.modality,
        label=items.label,
        certificate=certificate,
        num_queries=len(items),
        num_groups=len(names),
        metrics=estimates(dict(zip(metrics, values.tolist(), strict=True)), draws, len(names)),
        chance=_chance(items, ks),
        classes=_per_class(items, prototypes, scores, accuracy, precision[0]),
        confusion=tuple(map(tuple, _confusion(items, scores).tolist())),
        prompts=prompts,
        notes=_notes(items),
    )


def class_scores(items: Labelled, prototypes: Prototypes) -> Float32[np.ndarray, "item class"]:
    """Cosine of every item to the best name of every class.

    Raises:
        MetricError: the items are labelled over other classes, or lie in another space.
    """
    if items.classes != prototypes.classes:
        raise MetricError.explain("labels and prototypes of different classes", got=items.classes[:5])
    if items.vectors.shape[1] != prototypes.vectors.shape[1]:
        got = f"{items.modality} {items.vectors.shape[1]}, names {prototypes.vectors.shape[1]}"
        raise MetricError.explain("items and class names of different width", got=got, expected="one space, one dim")
    return best_of_names(items.vectors @ prototypes.vectors.T, prototypes.class_of_name)


def top_1(items: Labelled, prototypes: Prototypes) -> Float64[np.ndarray, " item"]:
    """1.0 where the nearest class is one of the item's labels."""
    return rank_metrics(class_scores(items, prototypes), items.truth, (1,)).hit[:, 0]


def _means(hits: dict[str, np.ndarray], scores: np.ndarray, items: Labelled, weights: np.ndarray) -> np.ndarray:
    """Every metric in every draw, (draw, metric); a class that a draw does not hold has no part in its means."""
    present = items.truth.any(axis=0)
    total = weights.sum(axis=1, dtype=np.float64)
    accuracy = class_means(hits["top-1"], items.truth[:, present], weights)
    precision = average_precisions(scores[:, present], items.truth[:, present], weights)
    shares = [(weights @ hit) / total for hit in hits.values()]
    return np.stack([*shares, np.nanmean(accuracy, axis=1), np.nanmean(precision, axis=1)], axis=1)


def _chance(items: Labelled, ks: tuple[int, ...]) -> dict[str, float]:
    """Closed forms: a random order of the classes hits a label as `chance_metrics` says."""
    labels, positives = items.truth.sum(axis=1), items.truth.sum(axis=0)
    hits = chance_metrics(len(items.classes), labels, ks)
    macro = class_means(labels / len(items.classes), items.truth, np.ones((1, len(items))))[0]
    return {
        **{f"top-{k}": hits[f"hit@{k}"] for k in ks},
        "macro": float(macro[positives > 0].mean()),
        "mAP": chance_metrics(len(items), positives[positives > 0], (1,))["mAP"],
    }


def _confusion(items: Labelled, scores: np.ndarray) -> np.ndarray:
    return confusion(scores[items.single], items.truth[items.single].argmax(axis=1))


def _per_class(
    items: Labelled, prototypes: Prototypes, scores: np.ndarray, accuracy: np.ndarray, precision: np.ndarray
) -> tuple[ClassResult, ...]:
    counts = _confusion(items, scores)[:, :-1]
    results = []
    for number, (name, asked) in enumerate(prototypes.names.items()):
        num = int(items.truth[:, number].sum())
        others = [i for i in np.argsort(-counts[number], kind="stable") if i != number and counts[number, i]]
        results.append(
            ClassResult(
                name=name,
                names=tuple(asked),
                num_queries=num,
                accuracy=float(accuracy[number]) if num else None,
                average_precision=float(precision[number]) if num else None,
                confused_with=tuple((items.classes[i], int(counts[number, i])) for i in others[:_CONFUSED]),
            )
        )
    return tuple(results)


def _notes(items: Labelled) -> tuple[str, ...]:
    notes = []
    unasked = [items.classes[i] for i in np.flatnonzero(~items.truth.any(axis=0))]
    if unasked:
        notes.append(f"{len(unasked)} classes without a query, in no mean over classes: {', '.join(unasked)}")
    if items.num_unlabelled:
        notes.append(f"{items.num_unlabelled} items without a {items.label} left out")
    several = int((~items.single).sum())
    if several:
        notes.append(f"{several} items have several labels: any of them is right, and they are not in the confusion")
    if len(set(items.groups)) == 1:
        notes.append("no intervals: all items are of one group")
    return tuple(notes)

"""Retrieval on validation pairs while a tower trains, and a forecast of what emerges. Floor: train; called by the loop.

Scores hub pairs only, the pairs that training is allowed to know; emergent pairs are for the
evaluator. Both directions are scored and averaged, equal hub items counted once. `shared` is not
retrieval: it foresees from the same vectors whether other towers will find them (`shared_score`).
"""

from collections.abc import Mapping

import numpy as np

from binder.data import ModalityDataset, Remark
from binder.errors import TrainingError
from binder.hub.targets import HubTargets
from binder.metrics import SOUND, Relevance, rank_both, shared_score
from binder.towers import Tower, encode_samples

_READS_THE_HUB = 0.5  # hit@1: most queries; below it, the retrieval scores themselves say what is wrong


def validate(
    tower: Tower,
    samples: ModalityDataset,
    targets: HubTargets,
    keys: np.ndarray,
    *,
    rows: np.ndarray,
    batch_size: int,
    workers: int,
) -> tuple[dict[str, float], list[Remark]]:
    """Score tower -> hub and hub -> tower retrieval; the mean over directions and anchors.

    Args:
        tower: to be scored.
        samples: validation samples of its modality.
        targets: the hub's vectors of the same rows.
        keys: int (row, anchor, rule); rows that agree on a rule are relevant to each other.
        rows: which of them to score.
        batch_size: samples per forward.
        workers: processes that read.

    Returns:
        Score name -> value; hit@5 and hit@10 only where every gallery is that large, `shared` only
        where there are two hub items to confuse. And the remarks on the samples that were read.
    """
    rows, vectors, remarks = encode_samples(
        tower, samples, rows=rows, batch_size=batch_size, workers=workers, shared=True
    )
    scores = [
        score
        for anchor in range(len(targets.anchors))
        for score in _score_anchor(rows, vectors, targets, keys[:, anchor], anchor)
    ]
    common = [name for name in scores[0] if all(name in score for score in scores)]
    return {name: float(np.mean([score[name] for score in scores])) for name in common}, remarks


def check_monitor(monitor: str, targets: HubTargets, keys: np.ndarray, rows: np.ndarray) -> None:
    """Refuse, before anything is trained, a score that `validate` would not give for these rows.

    Raises:
        TrainingError: fewer hub items than the cut-off of `monitor`, or none to confuse for `shared`.
    """
    for anchor, name in enumerate(targets.anchors):
        held = rows[targets.present[rows, anchor]]
        items = _distinct(keys[held, anchor], held)
        needed = int(monitor.partition("@")[2] or 1)
        unconfused = monitor == "shared" and Relevance.agreeing(keys[held, anchor], keys[items, anchor]).complete()
        if len(items) < needed or unconfused:
            raise TrainingError.explain(
                f"train.monitor {monitor} can't be computed",
                got=f"{len(held)} validation rows, {len(items)} distinct {name}"
                + (", all relevant to each other" if unconfused else ""),
                fix="set train.monitor=mAP, or enlarge the validation split",
            )


def unshared_warning(name: str, scores: Mapping[str, float], temperature: float) -> str | None:
    """What to tell the user of a tower that most queries find in the hub and no other tower is likely to; else None.

    Args:
        name: of the tower.
        scores: its validation scores, see `validate`; without validation there is nothing to tell.
        temperature: it was trained with.
    """
    if "shared" not in scores or scores["shared"] >= SOUND or scores["hit@1"] < _READS_THE_HUB:
        return None
    return (
        f"{name} reads the hub well (hit@1 {scores['hit@1']:.2f}), but the hub determines little of its vectors "
        f"(shared {scores['shared']:.2f}, sound above {SOUND}): expect retrieval between {name} and other towers to "
        f"fall behind. Raise loss.temperature (it was {temperature:.3g}; with loss.learn_temperature=false if it was "
        "learned) until shared is sound."
    )


def _score_anchor(
    rows: np.ndarray, vectors: np.ndarray, targets: HubTargets, keys: np.ndarray, anchor: int
) -> list[dict[str, float]]:
    held = targets.present[rows, anchor]
    rows, vectors = rows[held], vectors[held]
    items = _distinct(keys[rows], rows)
    hub = targets(items)[0][:, anchor].numpy()
    relevance = Relevance.agreeing(keys[rows], keys[items])
    forecast = {} if relevance.complete() else {"shared": shared_score(vectors, hub, relevance)}
    return [table.means() | forecast for table in rank_both(vectors, hub, relevance)]


def _distinct(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The first row of every hub item."""
    _, first = np.unique(keys[:, 0], return_index=True)  # rule 0 is the hub item's content
    return rows[np.sort(first)]

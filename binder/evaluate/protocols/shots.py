"""Draws of a few items per class, and logistic regressions fitted on them. Used by `linear_probe` beside this file."""

import numpy as np
from jaxtyping import Float32, Int64
from sklearn.linear_model import LogisticRegression

from binder.errors import MetricError
from binder.evaluate.protocols.labelled import Labelled

COSTS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # scikit-learn's C: smaller is smoother; vectors are of length 1
UNCHOSEN_COST = 10.0  # where one shot per class leaves nothing to choose on
_HELD_OUT = 4  # one shot in so many chooses C
_MAX_STEPS = 5000


def draw_shots(train: Labelled, shots: int, *, seed: int) -> Int64[np.ndarray, " shot"]:
    """Items of one draw, `shots` of every class: a first item of each group in random order, then second ones."""
    rng = np.random.default_rng(seed)
    truth, groups = train.numbers(), np.unique(np.array(train.groups), return_inverse=True)[1]
    chosen = []
    for label in range(len(train.classes)):
        order = rng.permutation(np.flatnonzero(truth == label))
        chosen.append(order[np.argsort(_turns(groups[order]), kind="stable")][:shots])
    return np.concatenate(chosen)


def predict(
    train: Labelled, test: Labelled, validation: Labelled | None, shots: int, num_draws: int, seed: int
) -> tuple[list[np.ndarray], list[float]]:
    """Fit a probe for every draw of shots; give the predicted class of every test item, and the C, of every draw."""
    truth, predicted, costs = train.numbers(), [], []
    for draw in range(num_draws):
        chosen = draw_shots(train, shots, seed=seed + draw)
        x, y = train.vectors[chosen], truth[chosen]
        cost = _choose_cost(x, y, shots, validation, train)
        predicted.append(_fit(x, y, cost).predict(test.vectors))
        costs.append(cost)
    return predicted, costs


def _choose_cost(
    x: Float32[np.ndarray, "shot dim"],
    y: Int64[np.ndarray, " shot"],
    shots: int,
    validation: Labelled | None,
    train: Labelled,
) -> float:
    """The C with the best accuracy on items that it was not fitted on; the smallest of equals."""
    if validation is not None:
        fit_x, fit_y, held_x, held_y = x, y, validation.vectors, numbers_in(validation, train)
    elif shots == 1:
        return UNCHOSEN_COST
    else:
        held = np.arange(len(y)) % shots < max(1, shots // _HELD_OUT)  # shots of one class stand together
        fit_x, fit_y, held_x, held_y = x[~held], y[~held], x[held], y[held]
    scores = [float(_fit(fit_x, fit_y, cost).score(held_x, held_y)) for cost in COSTS]
    return COSTS[int(np.argmax(scores))]


def _fit(x: np.ndarray, y: np.ndarray, cost: float) -> LogisticRegression:
    return LogisticRegression(C=cost, max_iter=_MAX_STEPS).fit(x, y)


def numbers_in(items: Labelled, train: Labelled) -> Int64[np.ndarray, " item"]:
    """Classes of `items`, numbered as in `train`."""
    own = items.numbers()
    known = set(train.numbers().tolist())
    number = {name: i for i, name in enumerate(train.classes) if i in known}
    unknown = sorted({items.classes[i] for i in np.unique(own)} - set(number))
    if unknown:
        raise MetricError.explain(f"{items.label} without a training item", got=unknown, choices=sorted(number))
    return np.array([number[items.classes[i]] for i in own], dtype=np.int64)


def _turns(groups: Int64[np.ndarray, " item"]) -> Int64[np.ndarray, " item"]:
    """How many items of the same group stand before each."""
    order = np.argsort(groups, kind="stable")
    first = np.unique(groups[order], return_index=True)[1]
    turns = np.empty(len(groups), np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(first, np.diff(np.append(first, len(groups))))
    return turns

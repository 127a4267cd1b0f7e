"""Few-shot linear probe: how well do k labelled items per class separate the classes of a modality?

Called by `binder.run.protocols`. Logistic regression on unit vectors, as in A. Radford et al., 2021, CLIP, section
3 and figure 6 (arXiv:2103.00020), of which the zero-shot line is the other half. Separable classes need not come
from binding: a backbone may separate them by itself (arXiv:2408.13068), so the untrained twin is probed, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from binder.errors import MetricError
from binder.evaluate.protocols.labelled import Labelled, check_apart
from binder.evaluate.protocols.shots import UNCHOSEN_COST, numbers_in, predict
from binder.evaluate.scoring import Estimate, Estimates, estimates
from binder.metrics import cluster_means, group_weights
from binder.metrics.classification import class_means
from binder.metrics.significance import nested_draws

SHOTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, kw_only=True)
class ProbePoint:
    """Probes with one number of shots.

    Attributes:
        shots: labelled items per class.
        metrics: top-1 and macro (mean over classes), over draws; intervals are over draws and groups.
        deviation: of the same over draws (standard deviation); empty with one draw.
        costs: the C of every draw.
        over_zero_shot: top-1 minus that of the class names on the same items; None where none were given.
        over_untrained: top-1 minus that of the untrained twin with the same shots; None where there is none.
    """

    shots: int
    metrics: Estimates
    deviation: dict[str, float]
    costs: tuple[float, ...]
    over_zero_shot: Estimate | None = None
    over_untrained: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """A few-shot curve with its control.

    Attributes:
        modality: of the items.
        label: column of the labels.
        classes: all that were told apart.
        num_train: labelled items that shots are drawn from.
        num_test: items judged.
        num_groups: groups of the judged items.
        num_draws: of shots.
        tower: the line of the modality's vectors.
        untrained: the line of its untrained twin; empty where there is none.
        zero_shot: top-1 of the class names on the same items; None where none were given.
        worth_shots: fewest shots whose mean reaches the zero-shot top-1; None where none do, or no names were given.
        notes: what a reader must know beside the numbers.
    """

    modality: str
    label: str
    classes: tuple[str, ...]
    num_train: int
    num_test: int
    num_groups: int
    num_draws: int
    tower: tuple[ProbePoint, ...]
    untrained: tuple[ProbePoint, ...]
    zero_shot: Estimate | None
    worth_shots: int | None
    notes: tuple[str, ...] = field(default=())


def linear_probe(
    train: Labelled,
    test: Labelled,
    *,
    validation: Labelled | None = None,
    shots: Sequence[int] = SHOTS,
    num_draws: int = 5,
    zero_shot_top_1: Float64[np.ndarray, " item"] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> LinearProbe:
    """Fit probes on a few items per class and judge them on the test items.

    Shots are nested (the 2 contain the 1) and come from as many groups as there are. C is chosen from .1, 1 .. 1000 on
    `validation`, else on a quarter of the shots (at least one per class), and the probe fitted again on all of
    them; one shot without validation takes C = 10. The test items choose nothing.

    Args:
        train: one label an item; shots are drawn from these.
        test: the same label column; no group and no content of `train` or `validation`.
        validation: chooses C.
        shots: numbers per class; those that some class does not have are left out with a note.
        num_draws: seeded draws of shots.
        zero_shot_top_1: 1.0 where the class names were right, for every test item (`zero_shot.top_1`).
        num_bootstrap: draws of groups for the intervals.
        seed: of all draws.

    Raises:
        MetricError: shared groups or contents, several labels an item, classes that training lacks, or too few
            items for even the fewest shots.
    """
    check_apart(train, test)
    if validation is not None:
        check_apart(train, validation, "training and validation")
        check_apart(validation, test, "validation and test")
    names, group = np.unique(np.array(test.groups), return_inverse=True)
    judge = _Judge(
        truth=numbers_in(test, train),
        group=group,
        weights=group_weights(len(names), num_bootstrap, seed),
        zero_shot=zero_shot_top_1,
        seed=seed,
    )
    possible, notes = _possible(train, shots)
    lines: dict[str, list[ProbePoint]] = {"tower": [], "untrained": []}
    for k in possible:
        own, costs = predict(train, test, validation, k, num_draws, seed)
        twins = [None if part is None else part.twin() for part in (train, test, validation)]
        over_untrained = None
        if twins[0] is not None and twins[1] is not None:
            before, costs_before = predict(twins[0], twins[1], twins[2], k, num_draws, seed)
            lines["untrained"].append(judge.point(k, before, costs_before))
            over_untrained = judge.difference(own, before)
        lines["tower"].append(judge.point(k, own, costs, over_untrained))
    if possible[0] == 1 and validation is None:
        notes.append(f"1 shot leaves nothing to choose C on: C = {UNCHOSEN_COST:g}")
    line = judge.line()
    return LinearProbe(
        modality=train.modality,
        label=train.label,
        classes=train.classes,
        num_train=len(train),
        num_test=len(test),
        num_groups=len(names),
        num_draws=num_draws,
        tower=tuple(lines["tower"]),
        untrained=tuple(lines["untrained"]),
        zero_shot=line,
        worth_shots=_worth(lines["tower"], line),
        notes=tuple(notes),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judge:
    """The test items, and the draws of their groups that all numbers share."""

    truth: Int64[np.ndarray, " item"]
    group: Int64[np.ndarray, " item"]
    weights: np.ndarray
    zero_shot: np.ndarray | None
    seed: int

    def point(
        self, shots: int, predicted: list[np.ndarray], costs: list[float], over_untrained: Estimate | None = None
    ) -> ProbePoint:
        right = self._right(predicted)
        one_hot = self.truth[:, None] == np.unique(self.truth)
        each = np.array([[own.mean(), class_means(own, one_hot, np.ones((1, len(own)))).mean()] for own in right])
        weights = self.weights[:, self.group]
        draws = np.stack(
            [
                np.stack([self._draws(own), np.nanmean(class_means(own, one_hot, weights), axis=1)], axis=1)
                for own in right
            ]
        )
        return ProbePoint(
            shots=shots,
            metrics=self._estimates(("top-1", "macro"), each.mean(axis=0), draws),
            deviation=dict(zip(("top-1", "macro"), each.std(axis=0, ddof=1).tolist(), strict=True))
            if len(each) > 1
            else {},
            costs=tuple(costs),
            over_zero_shot=None if self.zero_shot is None else self._over(right, [self.zero_shot] * len(right)),
            over_untrained=over_untrained,
        )

    def difference(self, predicted: list[np.ndarray], other: list[np.ndarray]) -> Estimate:
        """Top-1 of one minus that of the other, draw by draw of the same shots."""
        return self._over(self._right(predicted), self._right(other))

    def line(self) -> Estimate | None:
        """Top-1 of the class names."""
        if self.zero_shot is None:
            return None
        return self._estimates(
            ("top-1",), self.zero_shot.mean(keepdims=True), self._draws(self.zero_shot)[None, :, None]
        )["top-1"]

    def _over(self, a: list[np.ndarray], b: list[np.ndarray]) -> Estimate:
        gaps = [own - other for own, other in zip(a, b, strict=True)]
        draws = np.stack([self._draws(gap)[:, None] for gap in gaps])
        return self._estimates(("gap",), np.mean(gaps, keepdims=True).ravel(), draws)["gap"]

    def _right(self, predicted: list[np.ndarray]) -> list[np.ndarray]:
        return [(own == self.truth).astype(np.float64) for own in predicted]

    def _draws(self, values: np.ndarray) -> np.ndarray:
        return cluster_means(values[:, None], self.group, self.weights)[:, 0]

    def _estimates(self, names: Sequence[str], values: np.ndarray, draws: np.ndarray) -> Estimates:
        means = dict(zip(names, values.tolist(), strict=True))
        least = -1 if "gap" in names else 0  # rescaled draws of few repeats may leave the range of what they are of
        rescaled = np.clip(nested_draws(draws, seed=self.seed), least, 1)
        return estimates(means, rescaled, self.weights.shape[1])


def _possible(train: Labelled, shots: Sequence[int]) -> tuple[list[int], list[str]]:
    counts = np.bincount(train.numbers(), minlength=len(train.classes))
    fewest = int(counts.min())
    possible, left_out = [k for k in sorted(set(shots)) if 1 <= k <= fewest], [k for k in shots if not 1 <= k <= fewest]
    scarce = f"{fewest} training items of {train.classes[int(counts.argmin())]!r}"
    if not possible:
        raise MetricError.explain(
            "too few items for a probe", got=f"{scarce}, shots {list(shots)}", expected="k of each"
        )
    return possible, [f"no probe with {', '.join(map(str, left_out))} shots: only {scarce}"] if left_out else []


def _worth(line: Sequence[ProbePoint], zero_shot: Estimate | None) -> int | None:
    if zero_shot is None:
        return None
    return next((point.shots for point in line if point.metrics["top-1"].value >= zero_shot.value), None)

"""How one tower gets its weights: by gradients, whole or in part, on cached features, or in closed form. Floor: run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console

from binder.config import ClosedFormConfig, TowerConfig
from binder.data import Remark
from binder.run.progress import track
from binder.towers import Tower, encode_samples
from binder.towers.closed_form import solve
from binder.towers.features import FeatureSamples, cache_features, head_alone
from binder.towers.trainable import choose_trained, count_weights, merge_adapters
from binder.train import Outcome, Side
from binder.train.validation import validate

Sides = Mapping[str, Side]
Optimise = Callable[[Tower, Sides], Outcome]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What fitting leaves.

    Attributes:
        tower: the whole tower, in evaluation mode.
        centre: mean of its vectors over the training rows, (dim,): what centring subtracts.
        facts: JSON values: what learned, and how it went.
        remarks: samples that could not be read, and notes on the others.
    """

    tower: Tower
    centre: np.ndarray
    facts: dict[str, Any]
    remarks: list[Remark]


def on_features(config: TowerConfig) -> bool:
    """Whether the head is fitted on cached features: the encoder is frozen, so it runs once over whole samples."""
    return config.trained == "head" or config.closed_form is not None


def fit_tower(
    tower: Tower,
    sides: Sides,
    config: TowerConfig,
    *,
    optimise: Optimise,
    seed: int,
    device: torch.device,
    console: Console | None,
) -> Fitted:
    """Give `tower` its weights.

    Args:
        tower: as built; changed in place.
        sides: `train` and, where there is one, `validation`.
        config: says what learns.
        optimise: trains a tower on sides by gradients; used for all but closed forms.
        seed: of adapters.
        device: where the encoder runs.
        console: where progress is drawn.

    Raises:
        ConfigError: what is to be trained does not fit the encoder.
        TrainingError: training cannot start or go on, or a closed form cannot be solved.
    """
    closed_form = config.closed_form
    choose_trained(tower, "head" if closed_form else config.trained, lora=config.lora, seed=seed)
    learned, total = count_weights(tower)
    facts = {"trained": closed_form.method if closed_form else config.trained, "learned": learned, "weights": total}
    remarks: list[Remark] = []
    learner = tower
    if on_features(config):
        sides = {role: _featured(tower.to(device), side, remarks, console) for role, side in sides.items()}
        learner = head_alone(tower)
    if closed_form:
        facts |= _solve(learner, sides, closed_form, console)
    else:
        outcome = optimise(learner, sides)
        remarks += outcome.samples
        progress = outcome.progress
        facts |= {"best_epoch": progress.best_epoch, "steps": progress.step, "validation": progress.scores}
        facts |= {"temperature": outcome.temperature}
    merge_adapters(tower)
    train = sides["train"]
    _, vectors, last = encode_samples(learner.to(device), train.samples, rows=train.rows, shared=True)
    return Fitted(tower=tower.to(device).eval(), centre=vectors.mean(axis=0), facts=facts, remarks=[*remarks, *last])


def _featured(tower: Tower, side: Side, remarks: list[Remark], console: Console | None) -> Side:
    """The same side with cached features for samples; rows that cannot be read are left out of it."""
    with track(console, f"features of {tower.spec.name}", len(side.rows)) as progress:
        samples: FeatureSamples = cache_features(tower, side.samples, side.rows, shared=True, progress=progress)
    remarks += samples.remarks
    return replace(side, samples=samples, rows=samples.rows)


def _solve(learner: Tower, sides: Sides, config: ClosedFormConfig, console: Console | None) -> dict[str, Any]:
    """Solve for the head on every (row, hub modality) pair, and score it on the validation rows."""
    train, samples = sides["train"], sides["train"].samples
    assert isinstance(samples, FeatureSamples)
    targets, present = train.targets(train.rows)
    places, anchors = np.nonzero(present.numpy())
    projector = solve(config, samples.features.numpy()[places], targets.numpy()[places, anchors])
    projector.write(learner.head)
    facts: dict[str, Any] = {"closed_form": projector.facts}
    if "validation" in sides:
        side = sides["validation"]
        facts["validation"], _ = validate(  # of cached features, on which there are no remarks
            learner, side.samples, side.targets, side.keys, rows=side.rows, batch_size=1024, workers=0
        )
    if console is not None:
        scores = facts.get("validation")
        judged = f"validation mAP {scores['mAP']:.3f}" if scores else "no validation split"
        console.print(f"{train.samples.spec.name}: {config.method} on {len(places)} pairs, {judged}", highlight=False)
    return facts

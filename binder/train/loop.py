"""The training loop: one tower, aligned to a frozen hub. Floor: train; called by `binder.run`.

Read it top to bottom. What a step sees is a function of (seed, epoch, row); what a run needs to
continue is in `state.py`; so an interrupted and resumed run ends as an uninterrupted one does.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor, nn

from binder.config import LossConfig, TrainConfig
from binder.data import SkipReport
from binder.errors import TrainingError
from binder.losses import HubSide
from binder.towers import Tower
from binder.train.banks import build_objective
from binder.train.journal import Journal
from binder.train.loader import TrainBatch, open_loader
from binder.train.optim import build_average, build_optimizer, learning_rate
from binder.train.side import Side, check_enough
from binder.train.state import Progress, find_state, load_state, save_state
from binder.train.step import NotFiniteError, Step
from binder.train.validation import unshared_warning, validate

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What training leaves: the tower at its best epoch, and how it got there."""

    tower: Tower
    progress: Progress
    temperature: float
    skips: SkipReport


class TowerTrainer:
    """Trains one tower.

    Args:
        tower: with initial weights; changed in place.
        train: rows to learn from.
        validation: rows that choose the epoch; None keeps the last one.
        config: how to optimise.
        loss: temperature and positives.
        folder: gets journal, TensorBoard and resumable states.
        seed: of order, augmentation and dropout.
        fingerprint: of everything that must be the same when resuming.
        accelerator: processes, device and precision.
        console: where progress is drawn; None for silence.
    """

    def __init__(
        self,
        tower: Tower,
        *,
        train: Side,
        validation: Side | None,
        config: TrainConfig,
        loss: LossConfig,
        folder: Path,
        seed: int,
        fingerprint: str,
        accelerator: Accelerator,
        console: Console | None = None,
    ) -> None:
        self.train, self.validation, self.config, self.seed, self.folder = train, validation, config, seed, folder
        self.accelerator, self.console = accelerator, console
        check_enough(tower.spec.name, train, validation, config)
        self.tower = tower.to(accelerator.device)
        self.objective, self.items = build_objective(train, config, loss, accelerator.device)
        self.average = build_average(tower, config.average)
        self.optimizer = build_optimizer(nn.ModuleList([tower, self.objective]), config)
        self.step = Step(tower, self.objective, self.optimizer, config, accelerator)
        self.loader = open_loader(
            train.samples,
            train.rows,
            config,
            seed=seed,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
            device=accelerator.device,
            views=train.targets.views,
        )
        self.num_steps = self.loader.steps_per_epoch * config.epochs
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.skips = SkipReport()
        self.facts: dict[str, Any] = {"run": fingerprint, "number of processes": accelerator.num_processes}

    def run(self, *, resume: bool = False) -> Outcome:
        """Train to the end and hand out the best tower.

        Args:
            resume: go on from the last state in the run's folder, if there is one.

        Raises:
            TrainingError: the loss is not finite, or the state belongs to another run.
        """
        torch.manual_seed(self.seed)
        if resume:
            self._resume()
        title = self.train.samples.spec.name
        with self._journal(title) as journal:
            while not self.progress.finished:
                self._epoch(journal)
                self._close_epoch(journal)
                self._save()
        self.tower.load_state_dict(self.best)
        self._warn(title)
        return Outcome(
            tower=self.tower.eval(),
            progress=self.progress,
            temperature=self.objective.temperature.value,
            skips=self.skips,
        )

    def _epoch(self, journal: Journal) -> None:
        self.step.embed.train()
        progress, clock = self.progress, time.perf_counter()
        for drawn in self.loader.epoch(progress.epoch, progress.batch):
            self.skips.extend(drawn.skips)
            progress.batch += 1
            if not self._everyone_has(drawn):
                continue
            self._set_rate()
            loss = self._update(drawn)
            progress.step += 1
            now = time.perf_counter()
            speed = len(drawn.rows) * self.accelerator.num_processes / (now - clock)
            clock = now
            numbers = {"loss": loss, "temperature": self.objective.temperature.value, "samples_per_s": speed}
            journal.step(progress.step, progress.epoch, numbers)
            if self.config.save_every and progress.step % self.config.save_every == 0:
                self._save()

    def _set_rate(self) -> None:
        rate = learning_rate(self.progress.step, self.num_steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _everyone_has(self, drawn: TrainBatch) -> bool:
        """Whether each process could read a sample of its share; if one could not, all pass over the batch."""
        count = torch.tensor([len(drawn.rows)], device=self.accelerator.device)
        counts = self.accelerator.gather(count)
        assert isinstance(counts, Tensor)
        return bool(counts.min() > 0)

    def _update(self, drawn: TrainBatch) -> float:
        """One update; returns the loss."""
        assert drawn.batch is not None
        side, rows = self.train, drawn.rows.numpy()
        targets, present = side.targets(rows, drawn.views.numpy())
        keys, items = torch.from_numpy(side.keys[rows]), torch.from_numpy(self.items[rows])
        try:
            loss = self.step(drawn.batch, HubSide(targets=targets, present=present, keys=keys, items=items))
        except NotFiniteError as error:
            ids = [side.table.ids[rows[place]] for place in error.positions or range(len(rows))]
            culprits = "vectors that are not finite: rows" if error.positions else "no vector of them is at fault: rows"
            raise TrainingError.explain(
                f"the loss became {error.value} at step {self.progress.step}",
                got=f"{culprits} {', '.join(ids[:8])}" + (f" and {len(ids) - 8} more" if len(ids) > 8 else ""),
                fix="look at these samples, lower train.lr, or clip gradients (train.clip_norm)",
            ) from None
        if self.average is not None:
            self.average.update_parameters(self.tower)
        return loss

    def _close_epoch(self, journal: Journal) -> None:
        """Score the epoch if it is due, keep the best weights, and decide whether to go on."""
        progress, config = self.progress, self.config
        last = progress.epoch + 1 == config.epochs
        if self.validation is None and last:
            self._keep({})
        elif self.validation is not None and (last or (progress.epoch + 1) % config.validate_every == 0):
            scores = self._validate(self.validation)
            journal.validation(progress.step, progress.epoch, scores)
            progress.stale += 1
            if progress.best_score is None or scores[config.monitor] > progress.best_score:
                progress.best_score, progress.stale = scores[config.monitor], 0
                self._keep(scores)
        progress.epoch += 1
        progress.batch = 0
        progress.finished = last or (config.patience is not None and progress.stale >= config.patience)

    def _validate(self, side: Side) -> dict[str, float]:
        size, workers = self.config.batch_size, self.config.workers
        tower, rows = self._judged_tower(), side.rows
        scores = validate(tower, side.samples, side.targets, side.keys, rows=rows, batch_size=size, workers=workers)
        if self.config.monitor not in scores:
            raise TrainingError.explain(
                "train.monitor can't be computed",
                got=f"{self.config.monitor}, {len(rows)} validation rows",
                choices=scores,
            )
        return scores

    def _judged_tower(self) -> Tower:
        """What is validated and saved: the weights, or their average where one is kept."""
        tower = self.tower if self.average is None else self.average.module
        assert isinstance(tower, Tower)
        return tower

    def _keep(self, scores: dict[str, float]) -> None:
        self.progress.best_epoch, self.progress.scores = self.progress.epoch, scores
        self.best = {name: tensor.detach().clone() for name, tensor in self._judged_tower().state_dict().items()}

    def _journal(self, title: str) -> Journal:
        main = self.accelerator.is_main_process
        folder = self.folder if main else self.folder / f"process-{self.accelerator.process_index}"
        console = self.console if main else None
        return Journal(folder, title=title, num_steps=self.num_steps, done=self.progress.step, console=console)

    def _save(self) -> None:
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            modules = {"tower": self.tower.state_dict(), "objective": self.objective.state_dict(), "best": self.best}
            if self.average is not None:
                modules["average"] = self.average.state_dict()
            scaler = self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else None
            save_state(self.folder / "state", self.progress, modules, self.optimizer, {**self.facts, "scaler": scaler})

    def _resume(self) -> None:
        path = find_state(self.folder / "state")
        if path is None:
            return
        self.progress, modules, facts = load_state(path, self.optimizer, self.facts)
        self.tower.load_state_dict(modules["tower"])
        self.objective.load_state_dict(modules["objective"])
        self.best = modules.get("best", {})
        if self.average is not None:
            self.average.load_state_dict(modules["average"])
        if facts["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(facts["scaler"])

    def _warn(self, name: str) -> None:
        warning = unshared_warning(name, self.progress.scores, self.objective.temperature.value)
        if warning is not None and self.accelerator.is_main_process:
            log.warning(warning)

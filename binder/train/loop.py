"""The training loop: one tower, aligned to a frozen hub. Floor: train; called by `binder.run`.

Read it top to bottom. What a step sees is a function of (seed, epoch, row); what a run needs to
continue is in `state.py`; so an interrupted and resumed run ends as an uninterrupted one does.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader

from binder.config import LossConfig, TrainConfig
from binder.data import ModalityDataset, PairTable, SkipReport, collate_samples
from binder.errors import TrainingError
from binder.hub.targets import HubTargets
from binder.losses import Temperature
from binder.towers import Tower
from binder.towers.encode import move
from binder.train.alignment import Alignment
from binder.train.batches import AugmentedSamples, EpochBatches
from binder.train.journal import Journal
from binder.train.optim import build_average, build_optimizer, learning_rate
from binder.train.state import Progress, find_state, load_state, save_state
from binder.train.validation import validate


@dataclass(frozen=True, kw_only=True)
class Side:
    """Rows to train or validate on.

    Attributes:
        table: the rows; the tower's modality is one of its columns.
        samples: the tower's transformed samples, by row.
        targets: the hub's vectors, by row.
        keys: int (row, anchor, rule) of what makes rows positives of each other.
        rows: which rows have both a sample and at least one hub vector.
    """

    table: PairTable
    samples: ModalityDataset
    targets: HubTargets
    keys: np.ndarray
    rows: np.ndarray


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
        self.rows = train.rows
        _check_enough(tower.spec.name, train, validation, config)
        self.model = Alignment(tower, Temperature(loss.temperature, learn=loss.learn_temperature)).to(
            accelerator.device
        )
        self.average = build_average(tower, config.average)
        self.optimizer = build_optimizer(self.model, config)
        self.wrapped, self.stepper = accelerator.prepare(self.model, self.optimizer)
        self.steps_per_epoch = len(self._batches(epoch=0, start=0))
        self.num_steps = self.steps_per_epoch * config.epochs
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
        tower = self.model.tower
        tower.load_state_dict(self.best)
        return Outcome(
            tower=tower.eval(), progress=self.progress, temperature=self.model.temperature.value, skips=self.skips
        )

    def _epoch(self, journal: Journal) -> None:
        self.wrapped.train()
        clock = time.perf_counter()
        for rows, batch in self._load(self.progress.epoch, self.progress.batch):
            if batch is None:  # every sample of it was skipped
                self.progress.batch += 1
                continue
            for group in self.stepper.param_groups:
                group["lr"] = learning_rate(self.progress.step, self.num_steps, self.config)
            loss = self._step(rows, batch)
            self.progress.step += 1
            self.progress.batch += 1
            now = time.perf_counter()
            speed = len(rows) * self.accelerator.num_processes / (now - clock)
            clock = now
            numbers = {"loss": loss, "temperature": self.model.temperature.value, "samples_per_s": speed}
            journal.step(self.progress.step, self.progress.epoch, numbers)
            if self.config.save_every and self.progress.step % self.config.save_every == 0:
                self._save()

    def _step(self, rows: Tensor, batch: Any) -> float:
        """One update; returns the loss."""
        targets, present = self.train.targets(rows.tolist())
        keys = torch.from_numpy(self.train.keys[rows.numpy()])
        device = self.accelerator.device
        loss = self.wrapped(move(batch, device), targets.to(device), present.to(device), keys.to(device))
        if not torch.isfinite(loss):
            ids = [self.train.table.ids[row] for row in rows.tolist()]
            raise TrainingError.explain(
                f"the loss became {loss.item()} at step {self.progress.step}",
                got=f"rows {', '.join(ids[:8])}...",
                fix="lower train.lr, clip gradients (train.clip_norm), or look at these samples",
            )
        self.accelerator.backward(loss)
        if self.config.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.config.clip_norm)
        self.stepper.step()
        self.stepper.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.model.tower)
        return float(loss.detach())

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
        tower = self.model.tower if self.average is None else self.average.module
        assert isinstance(tower, Tower)
        return tower

    def _keep(self, scores: dict[str, float]) -> None:
        self.progress.best_epoch, self.progress.scores = self.progress.epoch, scores
        self.best = {name: tensor.detach().clone() for name, tensor in self._judged_tower().state_dict().items()}

    def _batches(self, *, epoch: int, start: int) -> EpochBatches:
        return EpochBatches(
            self.rows,
            self.config.batch_size,
            seed=self.seed,
            epoch=epoch,
            start=start,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )

    def _load(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Any]]:
        """Batches of one epoch, without samples that were skipped (reported, never replaced)."""
        spec = self.train.samples.spec
        loader = DataLoader(
            AugmentedSamples(self.train.samples, spec, seed=self.seed),
            batch_sampler=self._batches(epoch=epoch, start=start),
            num_workers=self.config.workers,
            collate_fn=partial(collate_samples, spec=spec),
            generator=torch.Generator(),  # else a new loader draws from the global state, and a resumed run differs
        )
        for rows, batch, skips in loader:
            self.skips.extend(skips)
            yield rows, batch

    def _journal(self, title: str) -> Journal:
        main = self.accelerator.is_main_process
        folder = self.folder if main else self.folder / f"process-{self.accelerator.process_index}"
        console = self.console if main else None
        return Journal(folder, title=title, num_steps=self.num_steps, done=self.progress.step, console=console)

    def _save(self) -> None:
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            modules = {"model": self.model.state_dict(), "best": self.best}
            if self.average is not None:
                modules["average"] = self.average.state_dict()
            scaler = self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else None
            save_state(self.folder / "state", self.progress, modules, self.optimizer, {**self.facts, "scaler": scaler})

    def _resume(self) -> None:
        path = find_state(self.folder / "state")
        if path is None:
            return
        self.progress, modules, facts = load_state(path, self.optimizer, self.facts)
        self.model.load_state_dict(modules["model"])
        self.best = modules.get("best", {})
        if self.average is not None:
            self.average.load_state_dict(modules["average"])
        if facts["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(facts["scaler"])


def _check_enough(name: str, train: Side, validation: Side | None, config: TrainConfig) -> None:
    """Refuse what can't be trained or judged, before anything runs."""
    counts = [len(side.rows) for side in (train, validation) if side is not None]
    if min(counts) < 2:
        raise TrainingError.explain(
            f"too few pairs for {name}",
            got=f"{counts[0]} to train on" + (f", {counts[1]} to validate on" if validation is not None else ""),
            expected="at least 2 each, with both a sample and a hub vector",
            fix="check the columns and the split",
        )
    if validation is None and config.patience is not None:
        raise TrainingError.explain(
            "train.patience needs a validation split",
            got=config.patience,
            fix="add the split, or set train.patience=null",
        )

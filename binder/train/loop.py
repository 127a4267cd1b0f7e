"""The training loop: one tower, aligned to a frozen hub. Floor: train; called by `binder.run`.

Read it top to bottom. What a step sees is a function of (seed, epoch, row); what a run needs to
continue is in `state.py`; so an interrupted and resumed run ends as an uninterrupted one does.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from rich.console import Console
from torch import Tensor

from binder.config import LossConfig, TrainConfig
from binder.data import SampleReport
from binder.errors import TrainingError
from binder.losses import HubSide
from binder.towers import Tower
from binder.train.banks import build_objective
from binder.train.journal import Journal
from binder.train.loader import TrainBatch, open_loader
from binder.train.optim import build_optimizer, learning_rate
from binder.train.side import Side, check_enough
from binder.train.state import Progress, collect_tensors, find_state, load_state, save_state
from binder.train.step import NotFiniteError, Step
from binder.train.validation import check_monitor, unshared_warning, validate
from binder.train.weights import Weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What training leaves: the tower at its best epoch, how it got there, and remarks on the samples it read."""

    tower: Tower
    progress: Progress
    temperature: float
    samples: SampleReport


class TowerTrainer:
    """Trains one tower.

    Args:
        tower: with initial weights; changed in place.
        train: rows to learn from.
        validation: rows that choose the epoch; None keeps the last one.
        config: how to optimise.
        loss: which loss, against which negatives.
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
        check_enough(tower.spec.name, train, validation, config, processes=accelerator.num_processes)
        if validation is not None:
            check_monitor(config.monitor, validation.targets, validation.keys, validation.rows)
        self.weights = Weights(tower.to(accelerator.device), accelerator, config.average)
        banks, main = folder / "banks", accelerator.is_main_process
        self.objective, self.items = build_objective(train, config, loss, accelerator.device, folder=banks, write=main)
        learner = self.weights.learner
        self.optimizer = build_optimizer(learner, config)
        self.step = Step(learner, self.objective, self.optimizer, config, accelerator)
        self.weights.start()
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
        self.samples = SampleReport()
        self.fingerprint = fingerprint

    def run(self, *, resume: bool = False) -> Outcome:
        """Train to the end and hand out the best tower.

        Args:
            resume: go on from the last state in the run's folder, if there is one.

        Raises:
            TrainingError: the loss is not finite, or the state belongs to another run.
        """
        if resume:
            self._resume()
        title = self.train.samples.spec.name
        with self._journal(title) as journal:
            if self.progress.step:
                at = f"step {self.progress.step} of {self.num_steps}, epoch {self.progress.epoch}"
                journal.say(f"{title}: going on at {at}")
            while not self.progress.finished:
                self._epoch(journal)
                self._close_epoch(journal)
                self._save()
            journal.say(f"{title}: {self._ending()}")
        tower = self.weights.finish()
        self._warn(title)
        return Outcome(
            tower=tower,
            progress=self.progress,
            temperature=self.objective.temperature.value,
            samples=SampleReport(gather_object(list(self.samples))),
        )

    def _epoch(self, journal: Journal) -> None:
        self.step.embed.train()
        progress, clock, passed = self.progress, time.perf_counter(), 0
        for drawn in self.loader.epoch(progress.epoch, progress.batch):
            self.samples.extend(drawn.remarks)
            progress.batch += 1
            if not self._can_learn(drawn):
                passed += 1
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
        self._tell_passed(passed)

    def _set_rate(self) -> None:
        rate = learning_rate(self.progress.step, self.num_steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _can_learn(self, drawn: TrainBatch) -> bool:
        """Whether every process could read a sample, and the batch of all holds negatives; all decide alike."""
        pairs = self.train.targets.present[drawn.rows.numpy()].sum(axis=0)
        counts = self.accelerator.gather(torch.tensor([[len(drawn.rows), *pairs]], device=self.accelerator.device))
        assert isinstance(counts, Tensor)
        enough = 1 if self.objective.banks else 2
        return bool(counts[:, 0].min() > 0 and counts[:, 1:].sum(dim=0).max() >= enough)

    def _tell_passed(self, passed: int) -> None:
        """Say how many batches of an epoch were passed over.

        Raises:
            TrainingError: all of them, and none was ever learned from.
        """
        reason = "so few samples could be read that a process had none, or that no two pairs had one hub modality"
        if not self.progress.step:
            raise TrainingError.explain(
                f"no batch to learn from in epoch {self.progress.epoch}",
                got=f"{reason}; {self.samples.render_skips()}",
                fix="look at the skipped samples, enlarge train.batch_size, or use fewer processes",
            )
        if passed and self.accelerator.is_main_process:
            log.warning(
                "epoch %d: passed over %d of %d batches: %s", self.progress.epoch, passed, self.progress.batch, reason
            )

    def _update(self, drawn: TrainBatch) -> float:
        """One update; returns the loss."""
        assert drawn.batch is not None
        side, rows = self.train, drawn.rows.numpy()
        targets, present = side.targets(rows, drawn.views.numpy())
        keys, items = torch.from_numpy(side.keys[rows]), torch.from_numpy(self.items[rows])
        # dropout is a function of the step and the process, so no random state needs to be saved
        chance = np.random.SeedSequence((self.seed, self.progress.step, self.accelerator.process_index))
        torch.manual_seed(int(chance.generate_state(1, np.uint32)[0]))
        try:
            loss = self.step(drawn.batch, HubSide(targets=targets, present=present, keys=keys, items=items))
        except NotFiniteError as error:
            raise self._blame(error, rows) from None
        self.weights.update()
        return loss

    def _blame(self, error: NotFiniteError, rows: np.ndarray) -> TrainingError:
        """Name the rows whose vectors are not finite, or else those of the whole batch; of all processes."""
        mine = [[self.train.table.ids[row] for row in part] for part in (rows[list(error.positions)], rows)]
        everyone = gather_object([mine])
        broken, batch = ([name for part in everyone for name in part[which]] for which in (0, 1))
        ids = broken or batch
        culprits = "vectors that are not finite: rows" if broken else "no vector of them is at fault: rows"
        return TrainingError.explain(
            f"{error} at step {self.progress.step}",
            got=f"{culprits} {', '.join(ids[:8])}" + (f" and {len(ids) - 8} more" if len(ids) > 8 else ""),
            fix="look at these samples, lower train.lr, or clip gradients (train.clip_norm)",
        )

    def _close_epoch(self, journal: Journal) -> None:
        """Score the epoch if it is due, keep the best weights, and decide whether to go on."""
        progress, config = self.progress, self.config
        last = progress.epoch + 1 == config.epochs
        if self.validation is None and last:
            self.weights.keep()
            progress.best_epoch = progress.epoch
        elif self.validation is not None and (last or (progress.epoch + 1) % config.validate_every == 0):
            scores = self._validate(self.validation)
            journal.validation(progress.step, progress.epoch, scores)
            progress.stale += 1
            if progress.best_score is None or scores[config.monitor] > progress.best_score:
                progress.best_score, progress.stale = scores[config.monitor], 0
                progress.best_epoch, progress.scores = progress.epoch, scores
                self.weights.keep()
        progress.epoch += 1
        progress.batch = 0
        progress.finished = last or (config.patience is not None and progress.stale >= config.patience)

    def _ending(self) -> str:
        """Which weights are kept, and why."""
        progress, config = self.progress, self.config
        if progress.best_score is None:
            return f"no validation split, so the last epoch is kept ({progress.best_epoch})"
        kept = f"epoch {progress.best_epoch} kept: {config.monitor} {progress.best_score:.3f}"
        early = progress.epoch < config.epochs
        return kept + (f", not surpassed in {progress.stale} validations, so training stopped early" if early else "")

    def _validate(self, side: Side) -> dict[str, float]:
        tower, size, workers = self.weights.judged(), self.config.batch_size, self.config.workers
        of_side = (side.samples, side.targets, side.keys)
        scores, remarks = validate(tower, *of_side, rows=side.rows, batch_size=size, workers=workers)
        self.samples.extend(remarks)
        if self.config.monitor not in scores:
            raise TrainingError.explain(
                f"train.monitor {self.config.monitor} can't be computed from the validation samples that could be read",
                choices=scores,
            )
        return scores

    def _journal(self, title: str) -> Journal:
        main, progress = self.accelerator.is_main_process, self.progress
        return Journal(
            self.folder if main else None,
            title=title,
            num_steps=self.num_steps,
            done=progress.step,
            epoch=progress.epoch,
            console=self.console if main else None,
        )

    def _save(self) -> None:
        main, scaler = self.accelerator.is_main_process, self.accelerator.scaler
        modules = {**self.weights.state(), "objective": self.objective.state_dict()}
        tensors = collect_tensors(modules, self.optimizer, keep=main)
        if main:
            facts = {
                "run": self.fingerprint,
                "processes": self.accelerator.num_processes,
                "scaler": None if scaler is None else scaler.state_dict(),
            }
            save_state(self.folder / "state", self.progress, tensors, facts)
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        path = find_state(self.folder / "state")
        if path is None:
            return
        self.progress, modules, facts = load_state(path, self.optimizer, {"run": self.fingerprint})
        self.weights.load(modules)
        self.objective.load_state_dict(modules["objective"])
        if facts["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(facts["scaler"])
        if facts["processes"] != self.accelerator.num_processes and self.accelerator.is_main_process:
            log.warning(
                "going on with %d processes where %d were at work: same batches, other rounding and other dropout",
                self.accelerator.num_processes,
                facts["processes"],
            )

    def _warn(self, name: str) -> None:
        warning = unshared_warning(name, self.progress.scores, self.objective.temperature.value)
        if warning is not None and self.accelerator.is_main_process:
            log.warning(warning)

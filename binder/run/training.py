"""`train`: every tower of a run, one after the other, into one space. Floor: run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from rich.console import Console

from binder.config import RunConfig, load_config
from binder.data import PairTable, SampleReport
from binder.errors import BinderError, TrainingError
from binder.run.anchors import Anchors, hub_of
from binder.run.fitting import Fitted, fit_tower, on_features
from binder.run.ledgers import build_ledger
from binder.run.remarks import load_remarks, save_remarks, tell_remarks
from binder.run.sides import build_side
from binder.run.tables import check_evaluation, open_splits, require_split, tower_specs
from binder.space import Space
from binder.storage import hash_json, is_complete
from binder.towers import Tower, TowerCheckpoint, build_tower, load_tower, save_tower
from binder.train import Outcome, Side, TowerTrainer, start_engine

log = logging.getLogger(__name__)


def train(
    config: RunConfig | str | Path,
    overrides: Sequence[str] = (),
    *,
    resume: bool = False,
    space: Space | None = None,
    console: Console | None = None,
) -> Space:
    """Train every tower of a run and save them, with hub and ledgers, as `OUTPUT/space`.

    Args:
        config: a configuration or the path of one.
        overrides: `KEY.SUBKEY=VALUE`, for a path.
        resume: go on where a killed run stopped; finished towers are kept as they are.
        space: start from a space that is already open; its hub must be the configured one, and
            towers it has for modalities that the run doesn't train come along.
        console: where progress and remarks on samples are printed; None for silence.

    Returns:
        The space, also saved in the run's output folder beside its configuration.

    Raises:
        BinderError: see the rooms it runs through; nothing half-written is left behind.
    """
    if not isinstance(config, RunConfig):
        config = load_config(config, overrides)
    run = _Run(config.resolved(), space=space, console=console)
    try:
        run.prepare(resume=resume)
        checkpoints = {name: run.train_tower(name, resume=resume) for name in config.towers}
    except BinderError:
        run.tell_remarks()  # they may be the reason
        raise
    return run.finish(checkpoints)


class _Run:
    """What the towers of one run share: specs, splits, hub, accelerator, console."""

    def __init__(self, config: RunConfig, *, space: Space | None, console: Console | None) -> None:
        self.config, self.space = config, space
        self.specs = tower_specs(config)
        self.splits = open_splits(config.data, seed=config.seed, specs=self.specs)
        self.train = require_split(self.splits, "train")
        self.validation = self.splits.get("validation")
        self.engine = start_engine(config.train.precision)
        self.console = console = console if self.engine.is_main_process else None
        self.tables = [self.train] if self.validation is None else [self.train, self.validation]
        self.report = SampleReport()
        hub, on_error = hub_of(config, space).to(self.engine.device), config.data.on_error
        self.anchors = Anchors(hub, config.hub, on_error=on_error, report=self.report, console=console)

    def prepare(self, *, resume: bool) -> None:
        """Refuse what can't work, write the configuration, fit the hub's transform."""
        anchors = sorted({anchor for tower in self.config.towers.values() for anchor in tower.hub_modalities})
        self.anchors.check(anchors, self.train)
        check_evaluation(self.config.evaluate, self.splits)
        native = [name for name in self.config.towers if name in self.anchors.raw.native]
        if native:
            raise TrainingError.explain(
                f"{self.anchors.raw.name} embeds {native[0]!r} itself",
                got=f"towers.{native[0]}",
                fix="remove that tower",
            )
        _check_output(self.config, resume=resume)  # by all processes alike, so that none waits for one that refused
        self.engine.wait_for_everyone()
        if self.engine.is_main_process:
            self.config.save(self.config.output / "config.yaml")
        self.engine.wait_for_everyone()
        if resume:
            self.report.extend(load_remarks(self.config.output))
        self.anchors.fit_transform(anchors, self.train)

    def train_tower(self, name: str, *, resume: bool) -> TowerCheckpoint:
        """Train one tower, or load it if a resumed run had finished it."""
        folder = self.config.output / "train" / name
        if resume and is_complete(folder / "tower"):
            return self._finished(folder / "tower", name)
        tower_config, engine = self.config.towers[name], start_engine(self.config.train_for(name).precision)
        tower = build_tower(
            self.specs[name],
            self.anchors.hub.dim,
            encoder=tower_config.encoder,
            head=tower_config.head,
            seed=self.config.seed,
            hub=self.anchors.hub,
        )
        tables = {"train": self.train, "validation": self.validation}
        sides = {role: self._side(name, table, role=role) for role, table in tables.items() if table is not None}
        fitted = fit_tower(
            tower,
            sides,
            tower_config,
            optimise=partial(self._optimise, name, engine=engine, resume=resume),
            seed=self.config.seed,
            device=engine.device,
            console=self.console,
        )
        self.report.extend(fitted.remarks)
        self.anchors.hub.check_frozen()
        checkpoint = self._checkpoint(name, fitted, sides)
        if engine.is_main_process:
            self._save_remarks()  # before the tower: a resumed run won't read its samples again
            save_tower(checkpoint, folder / "tower")
        engine.wait_for_everyone()
        return checkpoint

    def _optimise(
        self, name: str, tower: Tower, sides: Mapping[str, Side], *, engine: Accelerator, resume: bool
    ) -> Outcome:
        """Train by gradients what learns in `tower`."""
        trainer = TowerTrainer(
            tower,
            train=sides["train"],
            validation=sides.get("validation"),
            config=self.config.train_for(name),
            loss=self.config.loss_for(name),
            folder=self.config.output / "train" / name,
            seed=self.config.seed,
            fingerprint=self._fingerprint(name),
            accelerator=engine,
            console=self.console,
        )
        return trainer.run(resume=resume)

    def _finished(self, folder: Path, name: str) -> TowerCheckpoint:
        checkpoint = load_tower(folder)
        assert checkpoint.facts is not None
        if checkpoint.facts["run"] != self._fingerprint(name):
            raise TrainingError.explain(
                f"{folder} was trained with other settings or data",
                fix="restore them, choose another output folder, or remove this one to train anew",
            )
        return checkpoint

    def finish(self, checkpoints: Mapping[str, TowerCheckpoint]) -> Space:
        """Put hub and towers together, save the space, print what its samples were like."""
        kept = {
            name: tower for name, tower in (self.space.towers if self.space else {}).items() if name not in checkpoints
        }
        space = Space(
            self.anchors.hub, {**kept, **checkpoints}, hub_options=self.config.hub.options, device=self.engine.device
        )
        if self.engine.is_main_process:
            space.save(self.config.output / "space")
            self._save_remarks()
            self.tell_remarks()
        return space

    def tell_remarks(self) -> None:
        """Print what was left out so far, and what stands out in the rest."""
        tell_remarks(self.report, self.tables, self.console)

    def _save_remarks(self) -> None:
        save_remarks(self.report, self.tables, self.config.output)

    def _side(self, name: str, table: PairTable, *, role: str) -> Side:
        frozen = on_features(self.config.towers[name])
        if frozen and role == "train" and self.config.hub.views:
            log.warning(
                "%s: hub.views are for towers whose encoder learns; this one's features are of whole samples", name
            )
        return build_side(
            self.config,
            self.specs[name],
            table,
            self.anchors,
            training=role == "train" and not frozen,
            report=self.report,
            console=self.console,
        )

    def _checkpoint(self, name: str, fitted: Fitted, sides: Mapping[str, Side]) -> TowerCheckpoint:
        tower_config = self.config.towers[name]
        return TowerCheckpoint(
            tower=fitted.tower,
            ledger=build_ledger(self.config, fitted.tower, self.anchors.hub, sides),
            encoder=tower_config.encoder,
            head=tower_config.head,
            seed=self.config.seed,
            centre=fitted.centre,
            facts={
                "run": self._fingerprint(name),
                **fitted.facts,
                "train": None if tower_config.closed_form else self.config.train_for(name).model_dump(mode="json"),
                "loss": None if tower_config.closed_form else self.config.loss_for(name).model_dump(mode="json"),
            },
        )

    def _fingerprint(self, name: str) -> str:
        """What must be equal for a resumed tower to be the same tower."""
        config = self.config
        return hash_json(
            {
                "tower": config.decisive()["towers"][name],
                "seed": config.seed,
                "modality": self.specs[name].fingerprint,
                "hub": self.anchors.hub.fingerprint,
                "tables": [table.fingerprint for table in self.tables],
            }
        )


def _check_output(config: RunConfig, *, resume: bool) -> None:
    """Refuse to mix a new run into the remains of another."""
    if not (config.output / "train").exists():
        return
    if not resume:
        raise TrainingError.explain(
            "the output folder already holds a run",
            got=config.output,
            fix="add --resume to go on with it, choose another output, or remove the folder",
        )
    saved, now = (dict(_leaves(one.decisive())) for one in (load_config(config.output / "config.yaml"), config))
    changed = sorted(name for name in saved.keys() | now.keys() if saved.get(name) != now.get(name))
    if changed:
        raise TrainingError.explain(
            f"{config.output} was begun with other settings",
            got={name: now.get(name) for name in changed},
            expected={name: saved.get(name) for name in changed},
            fix="restore them, choose another output, or remove the folder",
        )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested sections, by its dotted key."""
    if not isinstance(value, dict):
        yield path, value
        return
    for name, part in value.items():
        yield from _leaves(part, f"{path}.{name}" if path else name)

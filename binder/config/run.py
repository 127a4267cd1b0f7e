"""A whole run: its sections put together and checked against each other. Floor: config."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from binder.config.base import Section, faults
from binder.config.data import DataConfig, HubConfig
from binder.config.loss import LossConfig
from binder.config.towers import TowerConfig
from binder.config.training import TrainConfig
from binder.storage import write_text

RelevanceSpec = str | dict[str, list[str]] | dict[str, Annotated[float, Field(gt=0)]]


class EvaluateConfig(Section):
    """What `binder eval` reports when it is given nothing else.

    Attributes:
        split: the rows to test on.
        relevance: `id`, `label`, modality -> columns it can see, or graded, column -> gain (`{id: 2, label: 1}`);
            several rules in a list.
        bootstrap: resamples for the intervals.
        pools: gallery sizes at which hit rates are foreseen too, so that tables of different size compare.
        modalities: which columns to evaluate; all that the space can embed if None.
        templates: name or YAML file of prompt templates, or templates themselves: each text of the table is
            embedded as the mean of its prompts.
    """

    split: str = "test"
    relevance: RelevanceSpec | list[RelevanceSpec] = "id"
    bootstrap: int = Field(default=1000, ge=100)
    pools: tuple[Annotated[int, Field(ge=2)], ...] = ()
    modalities: list[str] | None = None
    templates: str | list[str] | None = None

    @property
    def columns(self) -> set[str]:
        """Columns that relevance asks for."""
        rules = self.relevance if isinstance(self.relevance, list) else [self.relevance]
        return set(chain(*map(_columns, rules)))


def _columns(rule: RelevanceSpec) -> Iterable[str]:
    if isinstance(rule, str):
        return [rule]
    return chain(*(value if isinstance(value, list) else [key] for key, value in rule.items()))


class RunConfig(Section):
    """One complete run: a hub, a table, towers to train, and how to test them."""

    name: str
    output: Path
    seed: int = 0
    hub: HubConfig
    data: DataConfig
    towers: dict[str, TowerConfig] = Field(min_length=1)
    train: TrainConfig = TrainConfig()
    loss: LossConfig = LossConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> "RunConfig":
        for name in self.towers:
            for section, read in ((TrainConfig, self.train_for), (LossConfig, self.loss_for)):
                try:
                    read(name)
                except ValidationError as error:
                    raise ValueError(f"towers.{name}: {faults(error, section)}") from None
            loss = self.loss_for(name)
            if loss.matryoshka and self.hub.transform != "pca" and not self.hub.matryoshka:
                raise ValueError(
                    f"towers.{name}: loss.matryoshka aligns prefixes, but the hub's first dimensions say no more than "
                    "its last: set hub.transform: pca, or hub.matryoshka: true if the hub was trained with prefixes"
                )
            if loss.negatives != "batch":
                self._has_whole_items(name, loss.negatives)
        if self.hub.mode == "live" and self.data.on_error == "skip":
            raise ValueError("hub.mode live can't skip bad hub samples: use hub.mode cache or data.on_error raise")
        return self

    def _has_whole_items(self, name: str, negatives: str) -> None:
        """A bank is read from the cache, and holds whole items: a crop's partner is not in it."""
        if self.hub.mode == "live":
            raise ValueError(f"towers.{name}: loss.negatives {negatives} needs hub.mode cache: all items of the table")
        if self.hub.views:
            raise ValueError(
                f"towers.{name}: hub.views pairs crops with crops, but loss.negatives {negatives} compares with whole "
                "items: set hub.views: 0, or loss.negatives: batch"
            )

    def train_for(self, tower: str) -> TrainConfig:
        """The `train` section with one tower's overrides."""
        return TrainConfig.model_validate({**self.train.model_dump(), **self.towers[tower].train})

    def loss_for(self, tower: str) -> LossConfig:
        """The `loss` section with one tower's overrides."""
        return LossConfig.model_validate({**self.loss.model_dump(), **self.towers[tower].loss})

    def resolved(self) -> "RunConfig":
        """The same run with absolute local paths, so that it can be evaluated from any folder."""
        table = Path(self.data.table)
        local = table.exists() or table.suffix == ".tar"  # a pattern of shards is no file
        data = self.data.model_copy(update={"table": str(table.resolve())}) if local else self.data
        hub = self.hub.model_copy(update={"cache": self.hub.cache.resolve(), "name": _absolute(self.hub.name)})
        return self.model_copy(update={"data": data, "hub": hub})

    def decisive(self) -> dict[str, Any]:
        """The sections that what a run trains depends on, as JSON, each tower's overrides applied."""
        sections = self.model_dump(mode="json", exclude={"output", "evaluate", "train", "loss"})
        for name, tower in sections["towers"].items():
            tower |= {"train": self.train_for(name).decisive(), "loss": self.loss_for(name).model_dump(mode="json")}
        return sections

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def save(self, path: Path) -> None:
        """Write the resolved configuration as YAML; `binder train PATH` repeats the run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, yaml.safe_dump(self.to_json(), sort_keys=False))


def _absolute(hub: str) -> str:
    """A hub name whose MODEL is a path, with that path made absolute; other names as they are.

    A word without a slash is left alone: it may be a name (`playground:clip`) beside which a folder happens to lie.
    """
    scheme, _, model = hub.partition(":")
    path = Path(model.removeprefix("local-dir:")).expanduser()
    return f"{scheme}:{path.absolute()}" if "/" in model and path.is_dir() else hub

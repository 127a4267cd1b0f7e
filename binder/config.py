"""Run configurations: one YAML file is one complete run. Floor: foundations, above the registry.

`load_config` reads a file and dotted overrides (`train.epochs=3`), refuses unknown keys and
impossible combinations before anything is loaded, and returns a frozen `RunConfig` that the run
stores beside its results. Defaults live here and nowhere else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from binder.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class HubConfig(_Section):
    """Which frozen embedder defines the space.

    Attributes:
        name: SCHEME:MODEL, e.g. `open_clip:ViT-B-32/laion2b_s34b_b79k`.
        options: passed to the adapter.
        transform: fitted on training hub vectors, applied to every hub vector.
        mode: `cache` embeds the table once; `live` runs the hub in every step.
        cache: folder that holds hub caches of any run; they are keyed by content.
    """

    name: str
    options: dict[str, Any] = {}
    transform: Literal["none", "centre", "whiten"] = "none"
    mode: Literal["cache", "live"] = "cache"
    cache: Path = Path("runs/hub_cache")


class SplitConfig(_Section):
    """How rows are divided; exactly one of the three ways.

    Attributes:
        column: a column that names each row's split.
        fractions: split name -> share of rows; groups stay whole; seeded by the run's seed.
        by: column whose `values` decide, e.g. subject.
        values: split name -> values of `by`.
    """

    column: str | None = None
    fractions: dict[str, float] | None = None
    by: str | None = None
    values: dict[str, list[str | int]] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SplitConfig":
        ways = [self.column is not None, self.fractions is not None, self.by is not None and self.values is not None]
        if sum(ways) != 1 or (self.by is None) != (self.values is None):
            raise ValueError("give exactly one of: column; fractions; by together with values")
        return self


class DataConfig(_Section):
    """The pair table and how its cells become samples.

    Attributes:
        table: path or hub id of a pair table.
        columns: modality -> column; by default every column named like a registered modality.
        id: column of row ids; row numbers if the table has no such column.
        group: column of what must not straddle splits (recording, subject, scene).
        label: column of class labels.
        split: how rows are divided. Rows of `train` are learned from; where there is a `validation`, it
            chooses the epoch, else the last one is kept; other names are for testing.
        on_error: `raise` stops at the first bad sample; `skip` leaves it out and reports it.
        keep_in_memory: keep transformed samples, so that each file is read once.
        licence: of the data; stored in the ledger.
    """

    table: str
    columns: dict[str, str] | None = None
    id: str | None = None
    group: str | None = None
    label: str | None = None
    split: SplitConfig = SplitConfig(column="split")
    on_error: Literal["raise", "skip"] = "raise"
    keep_in_memory: bool = True
    licence: str | None = None


class TrainConfig(_Section):
    """How a tower is optimised.

    Attributes:
        epochs: passes over the training rows.
        batch_size: pairs per step, over all processes.
        lr: peak learning rate of AdamW, after warm-up, before cosine decay to zero.
        weight_decay: on matrices and kernels; norms, biases and temperature are spared.
        warmup: share of all steps with linearly rising rate.
        clip_norm: largest gradient norm; None for no clipping.
        average: decay per step of an exponential average of the weights, which is then what is
            validated and saved; None to use the weights themselves.
        precision: `no` is float32.
        monitor: validation score, larger is better, that picks the checkpoint.
        patience: epochs without a better score before stopping; None never stops.
        validate_every: epochs between validations.
        save_every: steps between resumable states; None saves at epoch ends only.
        workers: processes that read samples.
    """

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=128, ge=2)
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float | None = Field(default=1.0, gt=0)
    average: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["no", "bf16", "fp16"] = "no"
    monitor: Literal["mAP", "MRR", "hit@1", "hit@5", "hit@10"] = "mAP"
    patience: int | None = Field(default=None, ge=1)
    validate_every: int = Field(default=1, ge=1)
    save_every: int | None = Field(default=None, ge=1)
    workers: int = Field(default=0, ge=0)


class LossConfig(_Section):
    """Symmetric InfoNCE against the hub.

    Attributes:
        temperature: initial (or fixed) softmax temperature; .07 as in CLIP.
        learn_temperature: train it, clamped so that 1 / temperature <= 100.
        positives: which rows are positives of each other, not negatives: those with the same hub
            item, say the same caption (`content`), or those and rows of the same label
            (`label`; without a label column in the table it is the same as `content`).
    """

    temperature: float = Field(default=0.07, ge=0.01, le=10)
    learn_temperature: bool = True
    positives: Literal["content", "label"] = "label"


class TowerConfig(_Section):
    """One modality to bind.

    Attributes:
        hub_modality: native modality (or several) of the hub it is trained against.
        spec: `module:OBJECT` of the modality, where no registered name is meant.
        modality: options of the modality.
        encoder: options of its encoder; `name` may be `default` or `module:OBJECT`.
        head: projection from encoder width to hub width.
        train: overrides of the run's `train` section.
        loss: overrides of the run's `loss` section.
    """

    hub_modality: str | Annotated[tuple[str, ...], Field(min_length=1)]
    spec: str | None = None
    modality: dict[str, Any] = {}
    encoder: dict[str, Any] = {}
    head: Literal["linear", "mlp"] = "linear"
    train: dict[str, Any] = {}
    loss: dict[str, Any] = {}

    @property
    def hub_modalities(self) -> tuple[str, ...]:
        return (self.hub_modality,) if isinstance(self.hub_modality, str) else self.hub_modality


class EvaluateConfig(_Section):
    """What `binder eval` reports when it is given nothing else.

    Attributes:
        split: the rows to test on.
        relevance: `id`, `label`, or modality -> columns it can see; several rules in a list.
        bootstrap: resamples for the intervals.
        modalities: which columns to evaluate; all that the space can embed if None.
    """

    split: str = "test"
    relevance: str | dict[str, list[str]] | list[str | dict[str, list[str]]] = "id"
    bootstrap: int = Field(default=1000, ge=100)
    modalities: list[str] | None = None


class RunConfig(_Section):
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
            try:
                self.train_for(name)
                self.loss_for(name)
            except ValidationError as error:
                raise ValueError(f"towers.{name}: {_faults(error)}") from None
        if self.hub.mode == "live" and self.data.on_error == "skip":
            raise ValueError("hub.mode live can't skip bad hub samples: use hub.mode cache or data.on_error raise")
        return self

    def train_for(self, tower: str) -> TrainConfig:
        """The `train` section with one tower's overrides."""
        return TrainConfig.model_validate({**self.train.model_dump(), **self.towers[tower].train})

    def loss_for(self, tower: str) -> LossConfig:
        """The `loss` section with one tower's overrides."""
        return LossConfig.model_validate({**self.loss.model_dump(), **self.towers[tower].loss})

    def resolved(self) -> "RunConfig":
        """The same run with absolute local paths, so that it can be evaluated from any folder."""
        table = Path(self.data.table)
        data = self.data.model_copy(update={"table": str(table.resolve())}) if table.exists() else self.data
        hub = self.hub.model_copy(update={"cache": self.hub.cache.resolve()})
        return self.model_copy(update={"data": data, "hub": hub})

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def save(self, path: Path) -> None:
        """Write the resolved configuration as YAML; `binder train PATH` repeats the run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(self.to_json(), sort_keys=False), encoding="utf-8")


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a YAML run configuration and apply `KEY.SUBKEY=VALUE` overrides.

    Raises:
        ConfigError: no such file, not YAML, unknown key, wrong value; every fault is listed.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError.explain(
            "no such configuration", got=path, fix="give the path of a YAML file, e.g. one in configs/"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError.explain("not a YAML file", got=f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError.explain("not a configuration", got=f"{path}: {type(content).__name__}", expected="a mapping")
    for override in overrides:
        _apply(content, override)
    return parse_config(content, origin=str(path))


def parse_config(content: dict[str, Any], *, origin: str = "configuration") -> RunConfig:
    """Build a `RunConfig` from plain values.

    Raises:
        ConfigError: unknown key or wrong value; every fault is listed.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        faults = _faults(error)
        raise ConfigError.explain(
            f"{origin} cannot be run", got=faults, fix="see binder/config.py for every key and its default"
        ) from None


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (got {fault['input']!r})" for fault in error.errors()
    )


def _apply(content: dict[str, Any], override: str) -> None:
    """Set one dotted key in place; the value is read as YAML."""
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError.explain("not an override", got=override, expected="KEY.SUBKEY=VALUE, e.g. train.epochs=3")
    *parents, last = key.split(".")
    section = content
    for parent in parents:
        if section.get(parent) is None:
            section[parent] = {}
        section = section[parent]
        if not isinstance(section, dict):
            raise ConfigError.explain(
                "override goes through a value", got=override, expected=f"{parent} to be a section"
            )
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError.explain("override with a value that is not YAML", got=override, expected=str(error)) from None

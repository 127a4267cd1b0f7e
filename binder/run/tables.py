"""Opens a run's pair table and cuts it into splits. Floor: run."""

import logging
from collections.abc import Mapping

from binder.config import DataConfig, EvaluateConfig, RunConfig
from binder.data import PairTable, audit_leaks, nested_part, split_by_group, split_by_values
from binder.errors import ConfigError, TableError
from binder.modality import ModalitySpec
from binder.prompts import Prompts
from binder.registry import create_modality

log = logging.getLogger(__name__)

USED = ("train", "validation", "test")  # rows of other splits, say `unused`, take no part in a run


def tower_specs(config: RunConfig) -> dict[str, ModalitySpec]:
    """The modality object of every tower in the run.

    Raises:
        ConfigError: a `spec` whose name is not the tower's key.
        RegistryError: an unknown modality or option.
    """
    specs = {}
    for name, tower in config.towers.items():
        spec = create_modality(tower.spec or name, **tower.modality)
        if spec.name != name:
            raise ConfigError.explain(
                f"towers.{name} names another modality", got=spec.name, expected=name, fix=f"write towers.{spec.name}"
            )
        specs[name] = spec
    return specs


def open_splits(
    data: DataConfig, *, seed: int, specs: Mapping[str, ModalitySpec] | None = None
) -> dict[str, PairTable]:
    """Open the table and cut it as configured.

    Raises:
        TableError: the table or a split can't be made, or an id or group stands in two splits.
    """
    table = PairTable.open(
        data.table, columns=data.columns, id=data.id, group=data.group, label=data.label, specs=specs
    )
    if data.split.column is not None:
        splits = table.splits(data.split.column)
    elif data.split.fractions is not None:
        splits = split_by_group(table, data.split.fractions, seed=seed)
    else:
        assert data.split.by is not None and data.split.values is not None
        splits = split_by_values(table, data.split.by, data.split.values)
    _refuse_straddling({name: part for name, part in splits.items() if name in USED})
    if data.train_fraction < 1 and "train" in splits:
        splits["train"] = nested_part(splits["train"], data.train_fraction, seed=seed)
    return splits


def require_split(splits: Mapping[str, PairTable], name: str) -> PairTable:
    """The split `name`.

    Raises:
        TableError: there is none, or it has no rows.
    """
    if name not in splits or len(splits[name]) == 0:
        raise TableError.explain(f"no rows in split {name!r}", choices=splits, fix="name splits in data.split")
    return splits[name]


def check_evaluation(config: EvaluateConfig, splits: Mapping[str, PairTable]) -> None:
    """Hold what `binder eval` will ask against the table now, not after hours of training.

    A split that is not there is only warned of: another table may be tested on.

    Raises:
        TableError: relevance asks for columns that the table does not have.
        ConfigError: no such prompt templates.
    """
    if config.templates is not None:
        Prompts.open(config.templates)
    table = next(iter(splits.values()))
    unknown = sorted(config.columns - {"id", "group", "label", *table.attribute_names})
    if unknown:
        raise TableError.explain(
            "evaluate.relevance asks for columns that the table does not have",
            got=", ".join(unknown),
            choices=table.attribute_names,
        )
    if config.split not in splits:
        log.warning("no split %r to evaluate on later: the table has %s", config.split, ", ".join(splits))


def _refuse_straddling(splits: Mapping[str, PairTable]) -> None:
    """Groups that straddle splits would make every score a memory test."""
    leaks = audit_leaks(splits, contents=False)
    if leaks:
        shown = ", ".join(f"{leak.kind} {leak.value!r} in {' and '.join(leak.splits)}" for leak in leaks[:5])
        raise TableError.explain(
            "splits share ids or groups",
            got=f"{len(leaks)}: {shown}",
            fix="split by group, or correct the split column",
        )

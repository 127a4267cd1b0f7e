"""Finds benchmark records by name. Floor: evaluate; used by `binder.run.benchmarks`, the catalogue and preparers.

An entry point of the group `binder.benchmarks` names a package that holds YAML files, one a record, each called
NAME-vVERSION.yaml. binder's own are found the same way as a stranger's.
"""

import importlib
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from pydantic import ValidationError

from binder.config.base import faults
from binder.errors import ConfigError, RegistryError
from binder.evaluate.benchmarks.record import Benchmark

GROUP = "binder.benchmarks"
_SUFFIX = ".yaml"


def benchmark_names() -> list[str]:
    """NAME-vVERSION of every registered record, sorted."""
    return sorted(_found())


def all_benchmarks(distribution: str | None = None) -> list[Benchmark]:
    """Every registered record by name, or those that one distribution brings.

    Raises:
        ConfigError: a file that is no record.
        RegistryError: two packages bring records of one name.
    """
    return [_read(file) for _, file in sorted(_found(distribution).items())]


def open_benchmark(name: str | Path) -> Benchmark:
    """Find a record.

    Args:
        name: NAME-vVERSION of a registered one, or the path of a YAML file.

    Raises:
        RegistryError: no such record, or two of one name.
        ConfigError: the file is no record.
    """
    if str(name).endswith(_SUFFIX):
        path = Path(name)
        if not path.is_file():
            raise RegistryError.explain("no such benchmark record", got=path, fix="check the path")
        return _read(path)
    found = _found()
    if str(name) not in found:
        raise RegistryError.explain("unknown benchmark", got=repr(str(name)), choices=sorted(found))
    return _read(found[str(name)])


def _found(distribution: str | None = None) -> dict[str, Traversable]:
    records: dict[str, Traversable] = {}
    for point in entry_points(group=GROUP):
        if distribution is not None and (point.dist is None or point.dist.name != distribution):
            continue
        try:
            folder = files(importlib.import_module(point.value))
        except ImportError as error:
            raise RegistryError.explain(
                "cannot import a package of benchmarks", got=f"{point.value} ({error})", fix="install it again"
            ) from error
        for file in folder.iterdir():
            if not file.name.endswith(_SUFFIX):
                continue
            name = file.name.removesuffix(_SUFFIX)
            if name in records:
                raise RegistryError.explain(f"two benchmarks are named {name!r}", got=f"{records[name]} and {file}")
            records[name] = file
    return records


def _read(file: Traversable) -> Benchmark:
    try:
        record = Benchmark.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError.explain("not YAML", got=f"{file}: {error}") from error
    except ValidationError as error:
        raise ConfigError.explain("not a benchmark record", got=f"{file}: {faults(error, Benchmark)}") from error
    if file.name != record.id + _SUFFIX:
        raise ConfigError.explain(
            "a record in another's file", got=file, expected=record.id + _SUFFIX, fix="a new version is a new file"
        )
    return record

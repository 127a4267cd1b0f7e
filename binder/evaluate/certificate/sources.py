"""Declared training sources: what pretrained weights had seen before binder met them. Used by `graph`.

The table `sources.yaml` names public checkpoints; users add their own, as YAML of the same form, or in a run's
`towers.NAME.sources`. A pattern matches names of models, never paths: a folder may hold anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from binder.errors import ConfigError
from binder.types import Pair

TABLE = Path(__file__).with_name("sources.yaml")
_KEYS = ("match", "pairs", "labels", "data", "source")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What some weights were trained on.

    Attributes:
        match: patterns of names it is about.
        pairs: modalities that were trained against each other.
        labels: (modality, set of labels) that it was trained to name: no two modalities meet there.
        data: names of the data.
        source: where that is published, or who says so.
    """

    match: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    data: str = "not named"
    source: str = "not named"


def find_source(names: Iterable[str], sources: Sequence[Source]) -> Source | None:
    """The first source of which a pattern fits one of `names`."""
    names = list(names)
    for source in sources:
        if any(fnmatchcase(name, pattern) for name in names for pattern in source.match):
            return source
    return None


@cache
def known_sources() -> tuple[Source, ...]:
    """The table that comes along."""
    return read_sources(TABLE)


def read_sources(path: Path) -> tuple[Source, ...]:
    """Read a YAML list of sources.

    Raises:
        ConfigError: no such file, not YAML, or not a list of sources.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError.explain("cannot read declared sources", got=f"{path}: {error}") from None
    if not isinstance(content, list):
        raise ConfigError.explain("declared sources are not a list", got=f"{path}: {type(content).__name__}")
    return tuple(parse_source(one, path) for one in content)


def parse_source(content: Any, origin: Any) -> Source:
    """One source from JSON values.

    Raises:
        ConfigError: unknown keys, or pairs and labels that are not two names each.
    """
    if not isinstance(content, Mapping) or set(content) - set(_KEYS):
        raise ConfigError.explain("not a declared source", got=f"{content} in {origin}", choices=_KEYS)
    joined = {key: tuple(tuple(map(str, one)) for one in content.get(key, ())) for key in ("pairs", "labels")}
    if any(len(one) != 2 for found in joined.values() for one in found):
        raise ConfigError.explain("pairs and labels are two names each", got=f"{content} in {origin}")
    said = {key: str(content[key]) for key in ("data", "source") if key in content}
    return Source(match=tuple(content.get("match", ())), **joined, **said)  # pyright: ignore[reportArgumentType]

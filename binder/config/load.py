"""Reads configurations: YAML plus dotted overrides. Floor: config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from binder.config.base import faults
from binder.config.run import RunConfig
from binder.errors import ConfigError


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
        apply_override(content, override)
    return parse_config(content, origin=str(path))


def parse_config(content: dict[str, Any], *, origin: str = "configuration") -> RunConfig:
    """Build a `RunConfig` from plain values.

    Raises:
        ConfigError: unknown key or wrong value; every fault is listed.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        listed = faults(error, RunConfig)
        raise ConfigError.explain(
            f"{origin} cannot be run", got=listed, fix="see binder/config for every key and its default"
        ) from None


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one dotted key in place; the value is read as YAML.

    Raises:
        ConfigError: not KEY.SUBKEY=VALUE, a value that is not YAML, or a key below another value.
    """
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

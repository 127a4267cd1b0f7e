"""Reads texts, and sets of prompt templates; called by `Text`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from binder.errors import ConfigError, SampleError
from binder.modality import read_bytes
from binder.types import Source

TEMPLATES = Path(__file__).parent / "templates"
SLOT = "{}"  # where the label goes


def read_templates(source: str | Sequence[str]) -> tuple[str, ...]:
    """Give the templates of a set that comes with binder, of a YAML file, or those that are passed in.

    Args:
        source: name of a file in `templates/`, path of another with the same keys, or the templates themselves.

    Raises:
        ConfigError: no such set, or a template without exactly one place for the label.
    """
    templates = _from_file(source) if isinstance(source, str) else source
    wrong = [one for one in templates if not isinstance(one, str) or one.count(SLOT) != 1]
    if wrong:
        raise ConfigError.explain("not a prompt template", got=wrong[0], expected=f"a text with one {SLOT}")
    return tuple(templates)


def _from_file(source: str) -> list[Any]:
    named = {path.stem: path for path in sorted(TEMPLATES.glob("*.yaml"))}
    path = named.get(source, Path(source))
    if not path.is_file():
        raise ConfigError.explain(
            "no such set of prompt templates",
            got=source,
            choices=named,
            fix="name one of these, a YAML file with the key templates, or list the templates",
        )
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError.explain("not a set of prompt templates", got=f"{path}: {error}", expected="YAML") from error
    if not isinstance(found, dict) or not isinstance(found.get("templates"), list) or not found["templates"]:
        raise ConfigError.explain("not a set of prompt templates", got=path, expected="the key templates, with a list")
    return found["templates"]


def read_text(source: Source, *, max_bytes: int) -> str:
    """Give the text in `source`: a string is the text itself, a `Path` is a UTF-8 file.

    A string that happens to look like a path stays a text. A byte-order mark and the last line
    break of a file are not part of its text.

    Raises:
        SampleError: not UTF-8, longer than `max_bytes`, or neither text nor file.
    """
    if isinstance(source, str):
        text = str(source)
    elif isinstance(source, Path | bytes):
        text = _decode(read_bytes(source))
    else:
        raise SampleError.explain("not a text", got=type(source).__name__, expected="str, UTF-8 bytes, or a Path")
    try:
        length = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise _not_utf8(error) from error
    if length > max_bytes:
        raise SampleError.explain(
            "text too long",
            got=f"{length} bytes",
            expected=f"at most {max_bytes}",
            fix="shorten the text, or raise the option max_bytes",
        )
    return text


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error


def _not_utf8(error: UnicodeError) -> SampleError:
    return SampleError.explain(
        "not UTF-8", got=error, expected="UTF-8 text", fix="convert the file: iconv -f latin1 -t utf-8"
    )

"""What every section of a configuration shares. Floor: config."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails


class Section(BaseModel):
    """Frozen, and closed to unknown keys: a misspelt key must not be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def faults(error: ValidationError, section: type[BaseModel]) -> str:
    """Every fault of a configuration in one line: key, message, value; the known keys beside an unknown one.

    Args:
        error: of validating a `section`.
        section: what was to be read.
    """
    return "; ".join(_fault(fault, section) for fault in error.errors())


def _fault(fault: ErrorDetails, section: type[BaseModel]) -> str:
    message = _message(fault, section).removeprefix("Value error, ")
    if isinstance(fault["input"], dict | BaseModel):  # keys that don't fit together: the message names them
        return ": ".join([*filter(None, [".".join(map(str, fault["loc"]))]), message])
    return f"{'.'.join(map(str, fault['loc']))}: {message} (got {fault['input']!r})"


def _message(fault: ErrorDetails, section: type[BaseModel]) -> str:
    if fault["type"] != "extra_forbidden":
        return fault["msg"]
    kind: Any = section
    for part in fault["loc"][:-1]:
        # a section's field, or the value type of a mapping from names to sections
        kind = kind.model_fields[part].annotation if hasattr(kind, "model_fields") else get_args(kind)[-1]
    return f"no such key, choices: {', '.join(kind.model_fields)}"

"""What every section of a configuration shares. Floor: config."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """Frozen, and closed to unknown keys: a misspelt key must not be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def faults(error: ValidationError) -> str:
    """Every fault of a configuration in one line: key, message, value."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (got {fault['input']!r})" for fault in error.errors()
    )

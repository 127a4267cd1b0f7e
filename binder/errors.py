"""Every error binder raises on purpose. Floor: foundations; raised everywhere, caught by the CLI.

One base class, one subclass per room, one way to word a message: what happened, what was
got, what was expected, the choices, and the fix.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

Error = TypeVar("Error", bound="BinderError")


class BinderError(Exception):
    """Base of all errors that speak to the person who made the mistake."""

    @classmethod
    def explain(
        cls: type[Error],
        what: str,
        *,
        got: Any = None,
        expected: Any = None,
        choices: Iterable[Any] | None = None,
        fix: str | None = None,
    ) -> Error:
        """Build the error with its parts in the order a reader needs them.

        Args:
            what: one clause, naming the thing that is wrong.
            got: what was found; left out when None.
            expected: what would have been right; left out when None.
            choices: the values that are allowed; left out when None.
            fix: the next step, as an imperative.
        """
        parts = [what]
        if got is not None:
            parts.append(f"  got:      {got}")
        if expected is not None:
            parts.append(f"  expected: {expected}")
        if choices is not None:
            parts.append(f"  choices:  {', '.join(map(str, choices)) or '(none)'}")
        if fix is not None:
            parts.append(f"  fix:      {fix}")
        # a path with undecodable bytes must not break the terminal or the journal that shows it
        return cls("\n".join(parts).encode("utf-8", "backslashreplace").decode("utf-8"))


class ConfigError(BinderError):
    """A run configuration that cannot be carried out."""


class RegistryError(BinderError):
    """An unknown or doubly used name of a modality, hub adapter or encoder."""


class SampleError(BinderError):
    """One sample that cannot be read or breaks its modality's input contract."""


class DisplayError(BinderError):
    """What a modality made of a sample to be shown has a wrong shape, type or kind."""


class TableError(BinderError):
    """A pair table that cannot be opened, mapped or split."""


class HubError(BinderError):
    """A hub that cannot be loaded, is not frozen, has drifted, or was asked for a foreign modality."""


class HubMismatchError(HubError):
    """Two artifacts that belong to different hubs were put together."""


class ArtifactError(BinderError):
    """A directory that is incomplete, corrupt, of another kind or of a newer schema."""


class TrainingError(BinderError):
    """A training run that cannot start, continue or resume."""


class MetricError(BinderError):
    """A metric that is undefined for the input it was given."""

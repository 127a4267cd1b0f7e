"""One line of a check, and how a list of checks is run. Called by `check_modality` and `check_hub`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Subject = TypeVar("Subject")
NamedCheck = tuple[str, Callable[[Subject], str]]


@dataclass(frozen=True, kw_only=True)
class CheckLine:
    """The outcome of one check.

    Attributes:
        name: what was checked, the same for every plug-in.
        passed: whether the promise is kept.
        detail: what was found; on failure, what was got and expected.
    """

    name: str
    passed: bool
    detail: str


class BrokenPromise(Exception):
    """Raised inside a check; its text becomes the line's detail."""


def require(condition: bool, detail: str) -> None:
    """Raise `BrokenPromise` with `detail` unless `condition` holds."""
    if not condition:
        raise BrokenPromise(detail)


def run_checks(subject: Subject, checks: Sequence[NamedCheck[Subject]]) -> list[CheckLine]:
    """Run every check, whatever becomes of the others."""
    return [_run(name, check, subject) for name, check in checks]


def _run(name: str, check: Callable[[Subject], str], subject: Subject) -> CheckLine:
    try:
        return CheckLine(name=name, passed=True, detail=check(subject))
    except BrokenPromise as broken:
        return CheckLine(name=name, passed=False, detail=str(broken))
    except Exception as error:  # a plug-in under test may raise anything; the other lines still count
        return CheckLine(name=name, passed=False, detail=f"{type(error).__name__}: {error}")

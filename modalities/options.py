"""Checks the options of every modality beside this file: which words and which numbers they may be.

What is refused is named with its value and with what it may be; types are the registry's to check.
"""

import operator
from collections.abc import Iterable

from binder.errors import ConfigError
from binder.modality import ModalitySpec

_SIGNS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


def check_choices(spec: ModalitySpec, **choices: Iterable[object]) -> None:
    """Hold options to the values that are listed for them.

    Raises:
        ConfigError: the option, its value and the list.
    """
    for option, allowed in choices.items():
        value = getattr(spec, option)
        if value not in allowed:
            raise ConfigError.explain(f"option {option} of {spec.name}", got=repr(value), choices=allowed)


def check_ranges(spec: ModalitySpec, **ranges: str) -> None:
    """Hold numbers to bounds, each written as a sign and a number: `size=">= 8"`, `drop=">= 0, < 1"`.

    Raises:
        ConfigError: the option, its value and its bounds.
    """
    for option, bounds in ranges.items():
        value = getattr(spec, option)
        for sign, limit in (bound.split() for bound in bounds.split(", ")):
            if not _SIGNS[sign](value, float(limit)):  # so NaN is refused, too
                raise ConfigError.explain(f"option {option} of {spec.name}", got=repr(value), expected=bounds)

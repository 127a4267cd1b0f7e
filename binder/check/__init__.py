"""Holds plug-ins to their promises: `binder check NAME` and the contract tests run these.

A check is a function that returns what it found or raises; `lines.run_checks` turns a list of them
into lines that a person can read.
"""

from collections.abc import Callable, Sequence
from typing import Any

from binder.check.hub import check_hub
from binder.check.lines import CheckLine
from binder.check.modality import check_modality
from binder.check.samples import check_samples
from binder.config.load import apply_override
from binder.data import PairTable
from binder.display import Display
from binder.errors import ConfigError
from binder.extras import extra_of
from binder.hub import open_hub
from binder.registry import HUBS, MODALITIES, create_modality, hub_schemes

__all__ = ["CheckLine", "check_hub", "check_modality", "check_name", "check_samples"]


def check_name(
    name: str,
    *,
    options: Sequence[str] = (),
    data: str | None = None,
    show: Callable[[Display], object] | None = None,
) -> list[CheckLine]:
    """Check whatever `name` means.

    Args:
        name: a modality, `module:OBJECT`, or a hub as SCHEME:MODEL.
        options: of a modality, as KEY=VALUE.
        data: a table (`PairTable.open`) whose samples of the modality are read, all of them.
        show: called with how a modality shows one synthetic sample.

    Raises:
        RegistryError: nothing is known by that name.
        HubError: the hub cannot be loaded.
        TableError: no such table, or it lacks the modality.
        ConfigError: `show`, options or data were given where there is none, or an extra is not installed.
    """
    scheme = name.partition(":")[0]
    if scheme in hub_schemes():
        _require_extra(HUBS, scheme)
        if show is not None or options or data is not None:
            raise ConfigError.explain(
                "a hub has no sample to show, no options and no data here",
                got=name,
                fix="name a modality, or leave them out",
            )
        return check_hub(open_hub(name, precision="float32"))  # the tolerances are those of float32
    _require_extra(MODALITIES, name)
    settings: dict[str, Any] = {}
    for option in options:
        apply_override(settings, option)
    spec = create_modality(name, **settings)
    lines = check_modality(spec)
    if data is not None:
        lines += check_samples(spec, PairTable.open(data, specs={spec.name: spec}))
    if show is not None:
        show(spec.show(spec.load(spec.synthetic(0))))
    return lines


def _require_extra(group: str, name: str) -> None:
    """Without its packages a plug-in can keep no promise: that is told, not listed as so many failures."""
    extra = extra_of(group, name)
    if extra is not None and extra.missing:
        raise ConfigError.explain(
            f"cannot check {name}", got=f"not installed: {', '.join(extra.missing)}", fix=f'pip install "{extra.name}"'
        )

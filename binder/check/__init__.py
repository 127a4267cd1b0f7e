"""Holds plug-ins to their promises: `binder check NAME` and the contract tests run these.

A check is a function that returns what it found or raises; `lines.run_checks` turns a list of them
into lines that a person can read.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from binder.check.hub import check_hub
from binder.check.lines import CheckLine
from binder.check.modality import check_modality
from binder.errors import ConfigError
from binder.hub import open_hub
from binder.modality import ModalitySpec
from binder.registry import create_modality, hub_schemes

__all__ = ["CheckLine", "check_hub", "check_modality", "check_name"]


def check_name(name: str, *, picture: Path | None = None) -> list[CheckLine]:
    """Check whatever `name` means.

    Args:
        name: a modality, `module:OBJECT`, or a hub as SCHEME:MODEL.
        picture: where to draw one synthetic sample of a modality, as PNG.

    Raises:
        RegistryError: nothing is known by that name.
        HubError: the hub cannot be loaded.
        ConfigError: a picture was asked for where there is none.
    """
    if name.partition(":")[0] in hub_schemes():
        if picture is not None:
            raise ConfigError.explain("a hub has no picture", got=name, fix="name a modality, or leave out the picture")
        return check_hub(open_hub(name, precision="float32"))  # the tolerances are those of float32
    spec = create_modality(name)
    lines = check_modality(spec)
    if picture is not None:
        _draw(spec, picture)
    return lines


def _draw(spec: ModalitySpec, path: Path) -> None:
    shown = spec.show(spec.load(spec.synthetic(0)))
    if not isinstance(shown, np.ndarray):
        raise ConfigError.explain(f"{spec.name} shows its samples as text", got=shown, fix="leave out the picture")
    Image.fromarray(shown).save(path, format="PNG")

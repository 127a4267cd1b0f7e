"""Others' checkpoints as binder spaces: `binder import imagebind PATH OUT`. Floor: importers; called by the CLI.

Each layout has a file of its own that gives its weights other names; `towers` binds the encoders. To add one, write a
function (path, output, options) -> `Imported` and list it here.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from binder.config.load import apply_override
from binder.errors import RegistryError
from binder.importers.clap import import_clap
from binder.importers.imagebind import import_imagebind
from binder.importers.languagebind import import_languagebind
from binder.importers.towers import Imported
from binder.storage import require_free

__all__ = ["Imported", "import_layout"]

Importer = Callable[[Path, Path, dict[str, dict[str, Any]]], Imported]
_IMPORTERS: dict[str, Importer] = {
    "clap": import_clap,
    "imagebind": import_imagebind,
    "languagebind": import_languagebind,
}


def import_layout(layout: str, path: str | Path, output: str | Path, overrides: Sequence[str] = ()) -> Imported:
    """Turn a published checkpoint into a space that opens without it.

    Args:
        layout: one of `imagebind`, `languagebind`, `clap`.
        path: the checkpoint: a file, or a folder, see the layout's file.
        output: a new folder; it gets `hub` and `space`.
        overrides: MODALITY.OPTION=VALUE, of modalities whose samples are prepared otherwise than the layout has it.

    Raises:
        RegistryError: unknown layout, modality or option.
        ArtifactError: a checkpoint of another layout, or an output that is not empty.
        ConfigError: an override that cannot be read.
    """
    if layout not in _IMPORTERS:
        raise RegistryError.explain("unknown layout", got=layout, choices=_IMPORTERS)
    options: dict[str, Any] = {}
    for override in overrides:
        apply_override(options, override)
    wrong = [name for name, value in options.items() if not isinstance(value, dict)]
    if wrong:
        raise RegistryError.explain("not options of a modality", got=wrong, expected="MODALITY.OPTION=VALUE")
    output = Path(output)
    require_free(output)
    try:
        return _IMPORTERS[layout](Path(path), output, options)
    except BaseException:
        shutil.rmtree(output, ignore_errors=True)  # complete or absent: a hub without its space is neither
        raise

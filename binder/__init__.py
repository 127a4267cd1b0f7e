"""binder: bind any modality to a frozen hub encoder, and prove what emerges.

The public names load on first use, so `import binder` brings in neither torch nor a model library.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from binder.config import RunConfig
    from binder.data import PairTable
    from binder.errors import SampleError
    from binder.hub import Hub, open_hub
    from binder.modality import ModalitySpec
    from binder.registry import create_modality, modality_names, register_modality
    from binder.run import evaluate, train
    from binder.space import Space
    from binder.types import InputContract, LengthPolicy

_HOMES = {
    "Hub": "binder.hub",
    "InputContract": "binder.types",
    "LengthPolicy": "binder.types",
    "ModalitySpec": "binder.modality",
    "PairTable": "binder.data",
    "RunConfig": "binder.config",
    "SampleError": "binder.errors",
    "Space": "binder.space",
    "create_modality": "binder.registry",
    "evaluate": "binder.run",
    "modality_names": "binder.registry",
    "open_hub": "binder.hub",
    "register_modality": "binder.registry",
    "train": "binder.run",
}

__all__ = [
    "Hub",
    "InputContract",
    "LengthPolicy",
    "ModalitySpec",
    "PairTable",
    "RunConfig",
    "SampleError",
    "Space",
    "create_modality",
    "evaluate",
    "modality_names",
    "open_hub",
    "register_modality",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'binder' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps `binder.train` and `binder.evaluate` the functions, whatever is imported first.

    Importing a room sets it as an attribute of its package, and two rooms share their name with a
    public function. Rooms are imported by `from binder.train import ...`, which needs no attribute.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

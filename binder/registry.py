"""Finds plug-ins by name: modalities and hub adapters. Floor: foundations.

Three ways in, one result: an entry point (groups `binder.modalities`, `binder.hubs`), the
decorator `@register_modality`, or a `module:OBJECT` reference. binder itself imports no concrete
modality; its own come through the entry points as a stranger's would.
"""

import difflib
import importlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from binder.errors import RegistryError
from binder.modality import ModalitySpec

MODALITIES = "binder.modalities"
HUBS = "binder.hubs"

# pydantic's kind of fault -> what was expected, where its message speaks of Python
_WORDS = {"sequence_str": "a list", "is_instance_of": "a list"}

ModalityClass = TypeVar("ModalityClass", bound=type[ModalitySpec])
_decorated: dict[str, type[ModalitySpec]] = {}


def register_modality(cls: ModalityClass) -> ModalityClass:
    """Class decorator: make a `ModalitySpec` subclass known under its `name`.

    Raises:
        RegistryError: not a `ModalitySpec`, no name, or the name belongs to another class.
    """
    _check_modality_class(cls, cls.__qualname__)
    known = _decorated.get(cls.name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise _taken(cls.name, known, cls)
    _decorated[cls.name] = cls
    return cls


def modality_names() -> list[str]:
    """Names of every registered modality, sorted."""
    return sorted({*_decorated, *(point.name for point in entry_points(group=MODALITIES))})


def modality_class(name: str) -> type[ModalitySpec]:
    """Find a modality class by registered name or `module:OBJECT`.

    Raises:
        RegistryError: unknown name, import failure, or two different classes under one name.
    """
    if ":" in name:
        cls = load_object(name)
        _check_modality_class(cls, name)
        return cls
    found = [cls for cls in (_decorated.get(name), *_from_entry_points(name)) if cls is not None]
    if not found:
        raise RegistryError.explain(
            "unknown modality",
            got=repr(name),
            choices=modality_names(),
            fix="install the package that registers it, or write module:OBJECT",
        )
    for other in found[1:]:
        if other is not found[0]:
            raise _taken(name, found[0], other)
    return found[0]


def create_modality(name: str, **options: Any) -> ModalitySpec:
    """Build the modality `name` with `options` (the fields of its dataclass).

    Raises:
        RegistryError: unknown name, unknown option, or a value of another type than the option's.
        ConfigError: a value that the modality does not allow.
    """
    cls = modality_class(name)
    try:
        return cls(**_as_declared(name, cls, options))
    except (TypeError, ValueError) as error:
        raise RegistryError.explain(
            f"modality {name!r} refuses its options", got=f"{options} ({error})", choices=_option_types(cls)
        ) from error


def _as_declared(name: str, cls: type, options: dict[str, Any]) -> dict[str, Any]:
    """The options in the types that the modality declares: `50` and `50.0` in a config are one modality.

    Raises:
        RegistryError: an option that it does not have, or a value of another type.
    """
    types = _option_types(cls)
    unknown = sorted(options.keys() - types.keys())
    if unknown:
        near = difflib.get_close_matches(unknown[0], types, n=1)
        raise RegistryError.explain(
            f"modality {name!r} has no option {unknown[0]}",
            got=f"{unknown[0]}={options[unknown[0]]!r}",
            choices=types,
            fix=f"did you mean {near[0]}?" if near else None,
        )
    return {option: _of_type(types[option], value, f"{option} of {name}") for option, value in options.items()}


def _option_types(cls: type) -> dict[str, Any]:
    """Option -> declared type, in the order of the class."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)} if is_dataclass(cls) else {}


def _of_type(kind: Any, value: Any, what: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        expected = {
            _WORDS.get(fault["type"], fault["msg"].removeprefix("Input should be ")) for fault in error.errors()
        }
        raise RegistryError.explain(f"option {what}", got=repr(value), expected=" or ".join(sorted(expected))) from None


def hub_schemes() -> list[str]:
    """Schemes of every hub adapter (the part before the first colon of a hub name), sorted."""
    return sorted({point.name for point in entry_points(group=HUBS)})


def hub_adapter(scheme: str) -> Callable[..., Any]:
    """Find the hub adapter for `scheme`.

    Raises:
        RegistryError: no package registers it.
    """
    for point in entry_points(group=HUBS):
        if point.name == scheme:
            return point.load()
    raise RegistryError.explain(
        "unknown hub",
        got=repr(scheme),
        choices=[f"{scheme}:..." for scheme in hub_schemes()],
        fix="write SCHEME:MODEL, e.g. open_clip:ViT-B-32/laion2b_s34b_b79k",
    )


def load_object(reference: str) -> Any:
    """Import `module:OBJECT`.

    Raises:
        RegistryError: no such module or attribute.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise RegistryError.explain(
            "cannot import",
            got=f"{reference} ({error})",
            expected="module:OBJECT",
            fix="install its package or put its folder on PYTHONPATH",
        ) from error
    return value


def _from_entry_points(name: str) -> list[type[ModalitySpec]]:
    classes = []
    for point in entry_points(group=MODALITIES):
        if point.name == name:
            cls = point.load()
            _check_modality_class(cls, point.value)
            classes.append(cls)
    return classes


def _check_modality_class(cls: Any, origin: str) -> None:
    if not (isinstance(cls, type) and issubclass(cls, ModalitySpec)):
        raise RegistryError.explain(
            "not a modality", got=f"{origin}: {cls!r}", expected="a subclass of binder.ModalitySpec"
        )
    if not isinstance(getattr(cls, "name", None), str) or not cls.name.isidentifier():
        raise RegistryError.explain(
            "modality without a usable name", got=f"{origin}.name", expected='a class attribute such as name = "radar"'
        )


def _taken(name: str, first: type, second: type) -> RegistryError:
    return RegistryError.explain(
        f"two modalities are named {name!r}",
        got=f"{first.__module__}:{first.__qualname__} and {second.__module__}:{second.__qualname__}",
        fix="rename one, or refer to the one you mean as module:OBJECT",
    )

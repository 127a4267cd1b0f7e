"""Which column holds what: modalities, ids, groups, labels. Floor: data; called when a table opens."""

from collections.abc import Mapping

from binder.errors import RegistryError, TableError
from binder.modality import ModalitySpec
from binder.registry import create_modality, modality_names

_SHOWN = 5


def map_columns(
    names: list[str], columns: Mapping[str, str] | None, specs: Mapping[str, ModalitySpec]
) -> dict[str, str]:
    """Check a mapping from modalities to `names`, or make one from the names that are modalities.

    Raises:
        TableError: an unknown modality or column, or nothing to map.
    """
    known = {*modality_names(), *specs}
    if columns is None:
        columns = {name: name for name in names if name in known}
        if not columns:
            raise TableError.explain(
                "no column is named like a modality",
                got=", ".join(names) or "(no columns)",
                choices=sorted(known),
                fix="map them: columns={'image': 'your column'}",
            )
    for modality, column in columns.items():
        if modality not in known:
            raise TableError.explain(
                f"column {column!r} maps to an unknown modality", got=modality, choices=sorted(known)
            )
        if column not in names:
            raise TableError.explain(f"no column for {modality}", got=repr(column), choices=names)
    return dict(columns)


def is_text(modality: str, specs: Mapping[str, ModalitySpec]) -> bool:
    """Whether strings in this modality's column are samples, not paths."""
    try:
        spec = specs.get(modality) or create_modality(modality)
    except RegistryError:  # it exists (checked) but has options without defaults; texts have no such options
        return False
    return spec.contract.layout == "text"


def name_column(names: list[str], given: str | None, default: str) -> str | None:
    """The column to use: the one that was asked for, else the default where it exists."""
    if given is None:
        return default if default in names else None
    if given not in names:
        raise TableError.explain(f"no {default} column", got=repr(given), choices=names)
    return given


def check_unique(ids: list[str]) -> list[str]:
    """Give `ids` back.

    Raises:
        TableError: one of them stands twice.
    """
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = [name for name in ids if name in seen or seen.add(name)]
        raise TableError.explain(
            "ids are not unique",
            got=f"{len(ids) - len(set(ids))} repeats, e.g. {list(dict.fromkeys(twice))[:_SHOWN]}",
            fix="give every row its own id, or map another column",
        )
    return ids

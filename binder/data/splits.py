"""Cuts a pair table into splits and looks for leaks between them. Floor: data; called by run and scripts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from binder.data.table import PairTable
from binder.errors import TableError

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Something that stands in more than one split.

    Attributes:
        kind: a row id, a group, or the content of a cell.
        modality: whose content; None for ids and groups.
        value: the id, the group or the content hash.
        splits: the names of the splits it stands in, in the order they were given.
    """

    kind: Literal["id", "group", "content"]
    modality: str | None
    value: str
    splits: tuple[str, ...]


def split_by_group(table: PairTable, fractions: Mapping[str, float], *, seed: int) -> dict[str, PairTable]:
    """Cut at random so that no group stands in two splits.

    Groups are shuffled and dealt, each to the split that lacks most rows; the sizes come as near to
    the fractions as whole groups allow. The same groups and seed give the same cut in any row order.

    Args:
        table: what to cut.
        fractions: split -> share of the rows, above 0, summing to 1.
        seed: of the shuffle.

    Returns:
        The splits, in the order of `fractions`; every row in exactly one, none empty.

    Raises:
        TableError: fractions that are no shares, or fewer groups than splits.
    """
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise TableError.explain("not shares of a whole", got=dict(fractions), expected="numbers above 0 with sum 1")
    rows_of = _rows_by(table.groups)
    if len(rows_of) < len(fractions):
        raise TableError.explain(
            "too few groups to split",
            got=f"{len(rows_of)} groups for {len(fractions)} splits",
            fix="group by something finer, or ask for fewer splits",
        )
    shuffled = np.random.default_rng(seed).permutation(sorted(rows_of)).tolist()
    parts = _deal(shuffled, rows_of, {name: share * len(table) for name, share in fractions.items()})
    return {name: table.select(sorted(rows)) for name, rows in parts.items()}


def nested_part(table: PairTable, fraction: float, *, seed: int) -> PairTable:
    """Whole groups in a seeded order, up to about this share of the rows; a smaller share is part of a larger one.

    Args:
        table: what to take from; its row order stays.
        fraction: above 0, up to 1; at least one group is taken.
        seed: of the order; the same groups and seed give the same order in any row order.
    """
    rows_of = _rows_by(table.groups)
    order = np.random.default_rng(seed).permutation(sorted(rows_of)).tolist()
    before = np.cumsum([0, *(len(rows_of[group]) for group in order[:-1])])  # rows of the groups ahead of each
    chosen = [group for group, ahead in zip(order, before, strict=True) if ahead < fraction * len(table) - 1e-9]
    return table.select(sorted(row for group in chosen for row in rows_of[group]))


def split_by_values(table: PairTable, column: str, values: Mapping[str, Iterable[Any]]) -> dict[str, PairTable]:
    """Cut by the values of a column, such as subjects; rows with other values are left out.

    Values are compared as they print, so that 3 in a config meets "3" in a CSV file.

    Args:
        table: what to cut.
        column: any column of the table.
        values: split -> its values.

    Raises:
        TableError: no such column, a value that no row has, or one given to two splits.
    """
    rows_of = _rows_by([str(value) for value in table.attribute(column)])
    wanted = {name: [str(value) for value in chosen] for name, chosen in values.items()}
    owner: dict[str, str] = {}
    for name, chosen in wanted.items():
        for value in chosen:
            if value not in rows_of:
                choices = [*sorted(rows_of)[:_SHOWN], *(["..."] if len(rows_of) > _SHOWN else [])]
                raise TableError.explain(f"no row has this {column}", got=f"{value!r} for {name}", choices=choices)
            if owner.setdefault(value, name) != name:
                raise TableError.explain(f"one {column} in two splits", got=f"{value!r} in {owner[value]} and {name}")
    return {
        name: table.select(sorted(row for value in dict.fromkeys(chosen) for row in rows_of[value]))
        for name, chosen in wanted.items()
    }


def audit_leaks(splits: Mapping[str, PairTable], *, contents: bool = True) -> list[Leak]:
    """Find what stands in more than one split: ids, groups, and equal contents of each modality.

    Equal content need not be wrong (a caption of a class stands wherever the class does); an equal
    image, recording or group is. Groups are compared where every table has a group column.

    Args:
        splits: to compare with each other.
        contents: also compare contents, which reads every file once to hash it.
    """
    leaks = _shared("id", None, {name: table.ids for name, table in splits.items()})
    if all(table.has_groups for table in splits.values()):
        leaks += _shared("group", None, {name: table.groups for name, table in splits.items()})
    if not contents:
        return leaks
    for modality in dict.fromkeys(name for table in splits.values() for name in table.columns):
        hashes = {
            name: [value for value in table.content_hashes(modality) if value is not None]
            for name, table in splits.items()
            if modality in table.columns
        }
        leaks += _shared("content", modality, hashes)
    return leaks


def _rows_by(values: list[str]) -> dict[str, list[int]]:
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        rows_of[value].append(row)
    return dict(rows_of)


def _deal(groups: list[str], rows_of: Mapping[str, list[int]], targets: dict[str, float]) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {name: [] for name in targets}
    for position, group in enumerate(groups):
        empty = [name for name in parts if not parts[name]]
        # the last groups go to splits that are still empty, so that a small share is never no row at all
        open_to = empty if len(groups) - position <= len(empty) else list(parts)
        neediest = max(open_to, key=lambda name: targets[name] - len(parts[name]))
        parts[neediest] += rows_of[group]
    return parts


def _shared(
    kind: Literal["id", "group", "content"], modality: str | None, values: Mapping[str, list[str]]
) -> list[Leak]:
    seen: dict[str, list[str]] = defaultdict(list)
    for name, listed in values.items():
        for value in dict.fromkeys(listed):
            seen[value].append(name)
    return [
        Leak(kind=kind, modality=modality, value=value, splits=tuple(names))
        for value, names in seen.items()
        if len(names) > 1
    ]

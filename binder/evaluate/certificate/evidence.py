"""What a tower saw and what is tested, as columns of hashes, so that a record of them can be checked by others.

Used by `leaks` and `verdict`; made from ledgers and from evaluated items.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from binder.evaluate.certificate.near import Likenesses, first_matches, parse
from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.likeness import vector_likenesses
from binder.storage import hash_bytes
from binder.towers.ledger import Ledger

ROLES = {"train": "trained on", "validation": "used to choose the checkpoint"}
KINDS = {"picture": "perceptual hash", "sound": "acoustic landmarks", "vector": "hub vectors"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What one tower saw, one entry per role, content and group.

    Attributes:
        tower: its modality.
        role: of each entry.
        modality: of each entry.
        content: hashes.
        group: hashes of group names.
        likeness: of each content; None where none is known.
        vector: likeness of its hub vector.
    """

    tower: str
    role: tuple[str, ...]
    modality: tuple[str, ...]
    content: tuple[str, ...]
    group: tuple[str, ...]
    likeness: tuple[str | None, ...]
    vector: tuple[str | None, ...]

    @classmethod
    def of(cls, ledger: Ledger) -> "Seen":
        """A ledger without ids; groups hashed."""
        tokens = {name: group_hash(name) for name in set(ledger.items["group"])}
        nothing = (None,) * len(ledger.items["content"])
        entries = zip(
            ledger.items["role"],
            ledger.items["modality"],
            ledger.items["content"],
            (tokens[name] for name in ledger.items["group"]),
            ledger.likenesses or nothing,
            ledger.vectors or nothing,
            strict=True,
        )
        return cls(tower=ledger.modality, **_columns(entries, ("role", "modality", "content", "group")))

    @cached_property
    def contents(self) -> dict[str, set[str]]:
        """Role -> contents."""
        return {role: {c for c, r in zip(self.content, self.role, strict=True) if r == role} for role in ROLES}

    @cached_property
    def groups(self) -> dict[str, set[str]]:
        """Role -> groups."""
        return {role: {g for g, r in zip(self.group, self.role, strict=True) if r == role} for role in ROLES}

    @cached_property
    def groups_of(self) -> dict[str, set[str]]:
        """Content -> groups."""
        return _gather(self.content, self.group)

    def places(self, role: str, without: set[str]) -> dict[str, int]:
        """Content -> an entry, of those seen for `role`, but for some."""
        pairs = zip(self.content, self.role, strict=True)
        return {c: place for place, (c, r) in enumerate(pairs) if r == role and c not in without}


@dataclass(frozen=True, kw_only=True, eq=False)
class Tested:
    """One modality of the evaluation table, one entry per content and group.

    Attributes:
        name: of the modality.
        native: embedded by the hub itself.
        content: hashes.
        group: hashes of group names.
        likeness: of each content; None where none is known.
        vector: likeness of its hub vector; of native modalities only.
        names: hash -> what a reader would call it: the group's name, a row's id.
    """

    name: str
    native: bool
    content: tuple[str, ...]
    group: tuple[str, ...]
    likeness: tuple[str | None, ...]
    vector: tuple[str | None, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Items, rows: Rows) -> "Tested":
        """What an evaluation holds of a modality."""
        vectors = vector_likenesses(items.vectors) if items.native else [None] * len(items)
        return cls.listed(
            items.name,
            rows,
            native=items.native,
            rows=items.rows.tolist(),
            content=[items.content[item] for item in items.item_of_row],
            likeness=[(items.likenesses or [None] * len(items))[item] for item in items.item_of_row],
            vector=[vectors[item] for item in items.item_of_row],
        )

    @classmethod
    def listed(
        cls,
        name: str,
        table: Rows,
        *,
        native: bool,
        rows: Sequence[int],
        content: Sequence[str],
        likeness: Sequence[str | None],
        vector: Sequence[str | None],
    ) -> "Tested":
        """From columns, one entry per row of `rows`."""
        tokens = [group_hash(table.groups[row]) for row in rows]
        names = {one: table.ids[row] for one, row in zip(reversed(content), reversed(rows), strict=True)}
        names |= {token: table.groups[row] for token, row in zip(tokens, rows, strict=True)}
        entries = zip(content, tokens, likeness, vector, strict=True)
        return cls(name=name, native=native, names=names, **_columns(entries, ("content", "group")))

    @cached_property
    def contents(self) -> dict[str, int]:
        """Content -> its first entry."""
        return {content: place for place, content in reversed(list(enumerate(self.content)))}

    @cached_property
    def groups_of(self) -> dict[str, set[str]]:
        """Content -> groups."""
        return _gather(self.content, self.group)

    @cached_property
    def alike_by_chance(self) -> dict[str, float]:
        """Kind -> share of the tested contents that look like another one of another group.

        Of vectors one more is counted (the rule of succession): hubs place different samples side by side, and a pair
        that the tested ones happen not to hold would otherwise pass for a copy where the training ones hold one.
        """
        shares = {}
        numbers = {group: number for number, group in enumerate(dict.fromkeys(self.group))}
        groups = np.array([numbers[group] for group in self.group], np.int64)
        for kind in KINDS:
            own = self.parsed(kind, self.contents.values())
            one = int(kind == "vector")
            shares[kind] = (len(first_matches(own, own, groups, groups)) + one) / max(1, len(own.owners) + one)
        return shares

    def parsed(self, kind: str, places: Iterable[int]) -> Likenesses:
        """Likenesses of some entries; owners are entries."""
        return parse_entries(self, kind, places)


def group_hash(name: str) -> str:
    """What stands for a group in a record: its name need not be told."""
    return hash_bytes(f"group {name}".encode("utf-8", "surrogatepass"))


def parse_entries(columns: "Seen | Tested", kind: str, places: Iterable[int]) -> Likenesses:
    """Likenesses of some entries; their owners are entries."""
    texts = columns.vector if kind == "vector" else columns.likeness
    places = list(places)
    parsed = parse([texts[place] for place in places], kind)
    parsed.owners = np.array(places, np.int64)[parsed.owners]
    return parsed


def _columns(entries: Iterable[tuple], key: tuple[str, ...]) -> dict[str, Any]:
    """Distinct entries by the columns of `key`, sorted, so that a record says nothing of the order of rows."""
    distinct = sorted({entry[: len(key)]: entry for entry in entries}.values(), key=lambda one: one[: len(key)])
    names = (*key, "likeness", "vector")
    return {name: tuple(entry[number] for entry in distinct) for number, name in enumerate(names)}


def _gather(keys: Iterable[str], values: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in zip(keys, values, strict=True):
        found.setdefault(key, set()).add(value)
    return found

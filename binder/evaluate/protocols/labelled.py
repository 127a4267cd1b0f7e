"""Items with their labels, and the prototypes that stand for classes; both are checked before anything is scored.

Used by the protocols of this folder. A published benchmark has had empty queries for years (MTEB's Clotho v1:
about 16 %), so: no empty name, no name twice, no label without a prototype, nothing to ask but no one to answer.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from binder.errors import MetricError
from binder.evaluate.inputs import EncodedModality, Rows, check_unit
from binder.evaluate.items import collapse

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Prototypes:
    """Vectors of class names.

    Attributes:
        names: class -> its names, one or several; the class scores as its best name.
        vectors: of all names, in the order of `names`; unit norm.
    """

    names: Mapping[str, Sequence[str]]
    vectors: Float32[np.ndarray, "name dim"]

    def __post_init__(self) -> None:
        check_names(self.names)
        listed = sum(map(len, self.names.values()))
        if len(self.vectors) != listed:
            raise MetricError.explain("not one vector per name", got=len(self.vectors), expected=listed)
        check_unit(self.vectors, "class names")

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.names)

    @cached_property
    def class_of_name(self) -> Int64[np.ndarray, " name"]:
        """Number of the class of every vector."""
        return np.repeat(np.arange(len(self.names)), [len(own) for own in self.names.values()])


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Distinct items of one modality that have a label.

    Attributes:
        modality: whose items.
        label: the column that labels come from.
        classes: names of the columns of `truth`.
        vectors: unit norm.
        untrained: the same items through the untrained twin, or None.
        truth: the labels of every item, at least one.
        groups: of every item.
        content: hash of every item.
        num_unlabelled: items that were left out because no row labels them.
    """

    modality: str
    label: str
    classes: tuple[str, ...]
    vectors: Float32[np.ndarray, "item dim"]
    untrained: Float32[np.ndarray, "item dim"] | None
    truth: Bool[np.ndarray, "item class"]
    groups: tuple[str, ...]
    content: tuple[str, ...]
    num_unlabelled: int

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def single(self) -> Bool[np.ndarray, " item"]:
        """Items with exactly one label."""
        return self.truth.sum(axis=1) == 1

    def numbers(self) -> Int64[np.ndarray, " item"]:
        """The class of every item.

        Raises:
            MetricError: an item with several labels.
        """
        if not self.single.all():
            raise MetricError.explain(
                f"{self.modality} items with several labels",
                got=f"{(~self.single).sum()} of {len(self)}",
                expected=f"one {self.label} per item",
                fix="use zero-shot classification, which takes several",
            )
        return self.truth.argmax(axis=1)

    def twin(self) -> "Labelled | None":
        """The same items as the untrained tower sees them."""
        return None if self.untrained is None else replace(self, vectors=self.untrained, untrained=None)


def label_items(
    encoded: EncodedModality, rows: Rows, label: str, classes: Sequence[str] | None = None, *, separator: str = ""
) -> Labelled:
    """Join items with the labels of their rows; one content in several rows has the labels of all.

    Args:
        encoded: one modality of the table.
        rows: the table.
        label: column whose cells hold a label, a list of labels, or nothing.
        classes: all there are, in the order wanted; by default those that stand in the column, sorted.
        separator: what stands between the labels of a text cell; "" for one label a cell.

    Raises:
        MetricError: no such column, an empty label, one that is not among `classes`, or no labelled item.
    """
    items = collapse(encoded, rows)
    cells = row_labels(rows, label, separator)
    own: list[set[str]] = [set() for _ in range(len(items))]
    for item, row in zip(items.item_of_row, items.rows, strict=True):
        own[item] |= cells[row]
    found = Counter(name for names in own for name in names)
    if classes is None:
        classes = sorted(found)
    _check_labels(found, classes, label)
    number = {name: i for i, name in enumerate(classes)}
    kept = np.array([i for i, names in enumerate(own) if names], dtype=np.int64)
    if len(kept) == 0:
        raise MetricError.explain(f"no {encoded.name} item has a {label}", got=f"{len(own)} items")
    truth = np.zeros((len(kept), len(classes)), bool)
    for place, item in enumerate(kept):
        truth[place, [number[name] for name in own[item]]] = True
    return Labelled(
        modality=encoded.name,
        label=label,
        classes=tuple(classes),
        vectors=items.vectors[kept],
        untrained=None if items.untrained is None else items.untrained[kept],
        truth=truth,
        groups=tuple(items.groups[i] for i in kept),
        content=tuple(items.content[i] for i in kept),
        num_unlabelled=len(own) - len(kept),
    )


def row_labels(rows: Rows, label: str, separator: str = "") -> list[set[str]]:
    """The labels of every row; none where its cell is empty."""
    return [_labels(value, separator) for value in rows.attribute(label)]


def check_names(names: Mapping[str, Sequence[str]]) -> None:
    """Raise unless there are two classes or more, each has a name, and no name is empty or stands twice.

    Names are compared without regard to case and outer blanks, as most text towers read them.
    """
    if len(names) < 2:
        raise MetricError.explain("nothing to tell apart", got=f"classes {list(names)}", expected="two or more")
    nameless = [label for label, own in names.items() if isinstance(own, str) or not own]
    blank = [label for label, own in names.items() if not label.strip() or any(not name.strip() for name in own)]
    counts = Counter(name.strip().casefold() for own in names.values() for name in own)
    twice = sorted(name for name, count in counts.items() if count > 1)
    for what, bad in (("classes without a list of names", nameless), ("empty names of classes", blank)):
        if bad:
            raise MetricError.explain(what, got=_some(bad))
    if twice:
        owners = [label for label, own in names.items() if twice[0] in (name.strip().casefold() for name in own)]
        raise MetricError.explain(
            "a name of a class stands twice", got=f"{_some(twice)}; {twice[0]!r} in {_some(owners)}",
            fix="name classes apart, or make them one class",
        )  # fmt: skip


def check_apart(train: Labelled, test: Labelled, roles: str = "training and test") -> None:
    """Raise where a group or a content stands on both sides."""
    for what in ("groups", "content"):
        both = sorted(set(getattr(train, what)) & set(getattr(test, what)))
        if both:
            raise MetricError.explain(f"{roles} items share {what}", got=_some(both), fix="split by group")


def _labels(value: Any, separator: str) -> set[str]:
    if value is None:
        return set()
    if isinstance(value, str) and separator:
        value = [part.strip() for part in value.split(separator)]
    listed = value if isinstance(value, Collection) and not isinstance(value, str) else [value]
    return {str(one) for one in listed}


def _check_labels(found: Counter[str], classes: Sequence[str], label: str) -> None:
    blank = sum(count for name, count in found.items() if not name.strip())
    if blank:
        raise MetricError.explain(
            f"empty strings in {label}", got=f"{blank} items", fix="leave such cells empty (null)"
        )
    unknown = sorted(set(found) - set(classes))
    if unknown:
        items = sum(found[name] for name in unknown)
        raise MetricError.explain(
            f"{label} without a prototype", got=f"{_some(unknown)}, {items} items", choices=classes,
            fix="add them to the classes, or select the rows that belong to these",
        )  # fmt: skip


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(repr, values[:_SHOWN])) + more

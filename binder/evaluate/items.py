"""One item per distinct content: 27 captions are a gallery of 27, however many rows repeat them.

Called by `binder.evaluate.runner` once per modality; cells work on items, never on rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int64

from binder.errors import MetricError
from binder.evaluate.inputs import EncodedModality, Rows
from binder.metrics import effective_dimension

_SAME_CONTENT_TOLERANCE = 0.05  # batch size may change rounding, even in half precision, but nothing more


@dataclass(frozen=True, kw_only=True, eq=False)
class Items:
    """Distinct contents of one modality, in order of first appearance.

    Attributes:
        name: of the modality.
        native: embedded by the hub itself.
        vectors: one per item.
        untrained: one per item, or None.
        centre: training mean, or None.
        content: hash of each item.
        rows: table rows of all items, in the order of the table.
        item_of_row: the item that each entry of `rows` shows.
        first_row: the first row of each item.
        groups: of each item: its rows' group where they share one, else its content.
        likenesses: of each item, or None.
    """

    name: str
    native: bool
    vectors: Float32[np.ndarray, "item dim"]
    untrained: Float32[np.ndarray, "item dim"] | None
    centre: Float32[np.ndarray, " dim"] | None
    content: tuple[str, ...]
    rows: Int64[np.ndarray, " row"]
    item_of_row: Int64[np.ndarray, " row"]
    first_row: Int64[np.ndarray, " item"]
    groups: tuple[str, ...]
    likenesses: tuple[str | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.content)

    @cached_property
    def effective_dimension(self) -> float:
        """Of the vectors (see `binder.metrics`); every pair that passes through this modality asks for it."""
        return effective_dimension(self.vectors)


def collapse(encoded: EncodedModality, rows: Rows) -> Items:
    """Merge vectors of equal content.

    Raises:
        MetricError: a row number outside the table, or equal contents with different vectors.
    """
    if len(encoded.rows) and not 0 <= encoded.rows.min() <= encoded.rows.max() < len(rows):
        got = f"rows {encoded.rows.min()} to {encoded.rows.max()}"
        raise MetricError.explain(f"{encoded.name} refers to rows outside the table", got=got, expected=len(rows))
    numbers: dict[str, int] = {}
    item_of_row = np.array([numbers.setdefault(value, len(numbers)) for value in encoded.content], dtype=np.int64)
    first = np.unique(item_of_row, return_index=True)[1]
    _check_same(encoded, first, item_of_row)
    return Items(
        name=encoded.name,
        native=encoded.native,
        vectors=encoded.vectors[first],
        untrained=None if encoded.untrained is None else encoded.untrained[first],
        centre=encoded.centre,
        content=tuple(numbers),
        rows=encoded.rows,
        item_of_row=item_of_row,
        first_row=encoded.rows[first],
        groups=_item_groups(tuple(numbers), encoded.rows, item_of_row, rows),
        likenesses=None if encoded.likenesses is None else tuple(encoded.likenesses[place] for place in first),
    )


def _check_same(encoded: EncodedModality, first: np.ndarray, item_of_row: np.ndarray) -> None:
    distance = np.abs(encoded.vectors - encoded.vectors[first][item_of_row]).max(axis=1, initial=0)
    bad = np.flatnonzero(distance > _SAME_CONTENT_TOLERANCE)
    if len(bad):
        raise MetricError.explain(
            f"{encoded.name}: one content, two vectors",
            got=f"row {encoded.rows[bad[0]]} differs from row {encoded.rows[first[item_of_row[bad[0]]]]}",
            fix="check that vectors, rows and content hashes are in the same order, and that encoding is deterministic",
        )


def _item_groups(content: tuple[str, ...], rows: np.ndarray, item_of_row: np.ndarray, table: Rows) -> tuple[str, ...]:
    names: list[set[str]] = [set() for _ in content]
    for item, row in zip(item_of_row, rows, strict=True):
        names[item].add(table.groups[row])
    return tuple(next(iter(own)) if len(own) == 1 else value for own, value in zip(names, content, strict=True))

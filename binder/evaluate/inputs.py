"""What an evaluation is given: encoded modalities and the facts of the evaluation table's rows.

Built by whoever holds a space and a table (`binder.run`); this room sees arrays only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from binder.errors import MetricError

_NORM_TOLERANCE = 1e-3  # float32 rounding over thousands of dimensions; half precision is not accepted


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedModality:
    """The vectors of one modality of the evaluation table, each computed once.

    Attributes:
        name: of the modality.
        vectors: unit norm.
        rows: the row of the evaluation table that each vector belongs to.
        content: hash of the sample behind each vector; equal hashes are one item.
        native: embedded by the hub itself, not by a tower.
        untrained: the same samples through the tower's untrained twin; None where there is none.
        centre: mean of the modality's *training* vectors; None where it is unknown.
        likenesses: by what copies of each sample are known, see `binder.likeness`; None where they were not computed.
    """

    name: str
    vectors: Float32[np.ndarray, "item dim"]
    rows: Int64[np.ndarray, " item"]
    content: tuple[str, ...]
    native: bool
    untrained: Float32[np.ndarray, "item dim"] | None = None
    centre: Float32[np.ndarray, " dim"] | None = None
    likenesses: tuple[str | None, ...] | None = None

    def __post_init__(self) -> None:
        if not len(self.vectors) == len(self.rows) == len(self.content):
            got = f"{len(self.vectors)} vectors, {len(self.rows)} rows, {len(self.content)} content hashes"
            raise MetricError.explain(f"lengths of {self.name} differ", got=got)
        if len(np.unique(self.rows)) != len(self.rows):
            raise MetricError.explain(f"a row of {self.name} has two vectors", expected="one vector per row")
        check_unit(self.vectors, self.name)
        if self.untrained is not None:
            check_unit(self.untrained, f"untrained {self.name}")
            if self.untrained.shape != self.vectors.shape:
                got = f"{self.untrained.shape} for vectors {self.vectors.shape}"
                raise MetricError.explain(f"untrained {self.name} vectors do not match", got=got)
        if self.centre is not None and (
            self.centre.shape != self.vectors.shape[1:] or not np.isfinite(self.centre).all()
        ):
            raise MetricError.explain(f"unusable centre of {self.name}", got=f"shape {self.centre.shape}, or NaN in it")


def check_unit(vectors: Float32[np.ndarray, "item dim"], name: str) -> None:
    """Raise unless every vector is finite and of length one."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise MetricError.explain(
            f"vectors of {name} hold NaN or infinite values", got=f"{len(bad)} vectors, first {bad[:5].tolist()}"
        )
    norms = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(np.abs(norms - 1) > _NORM_TOLERANCE)
    if len(bad):
        raise MetricError.explain(
            f"vectors of {name} are not of unit norm",
            got=f"norm {norms[bad[0]]:.4g} at vector {bad[0]}, {len(bad)} such vectors",
            expected=f"1 +- {_NORM_TOLERANCE}",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The evaluation table without its samples.

    Attributes:
        ids: of every row.
        groups: of every row; the id where the table has no groups.
        has_groups: whether the table names groups; without them leaks of a group can't be seen.
        attributes: further columns (label, latents, ...), one value per row; None where unknown.
    """

    ids: list[str]
    groups: list[str]
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    has_groups: bool = True

    def __post_init__(self) -> None:
        for name, values in (("groups", self.groups), *self.attributes.items()):
            if len(values) != len(self.ids):
                raise MetricError.explain(f"{name}: one value per row", got=len(values), expected=len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def attribute(self, name: str) -> list[Any]:
        """Values of a column, with NaN as None; "id" and "group" are columns too.

        Raises:
            MetricError: no such column.
        """
        known = {"id": self.ids, "group": self.groups, **self.attributes}
        if name not in known:
            raise MetricError.explain(
                f"relevance asks for a column {name!r} that the table does not have", choices=sorted(known)
            )
        return [None if isinstance(value, float) and math.isnan(value) else value for value in known[name]]

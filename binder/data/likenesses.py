"""Likenesses of a table's samples, see `binder.likeness`: each content read once. Floor: data; called by run."""

from collections.abc import Sequence

import numpy as np

from binder.data.ahead import read_ahead
from binder.data.reading import load_row
from binder.data.table import PairTable
from binder.errors import SampleError
from binder.modality import ModalitySpec

_AT_ONCE = 64


def likenesses(
    table: PairTable, spec: ModalitySpec, rows: Sequence[int] | np.ndarray | None = None
) -> list[str | None] | None:
    """One likeness per row; None for rows without a sample that can be read, and for those not in `rows`.

    Computed once per content for a table and all its selections.

    Returns:
        None as a whole where the modality knows no likeness.
    """
    if spec.likeness_kind is None:
        return None
    hashes = table.content_hashes(spec.name)
    known = table.remembered_likenesses(spec.fingerprint)
    asked = range(len(table)) if rows is None else [int(row) for row in rows]
    row_of = {content: row for row in asked if (content := hashes[row]) is not None and content not in known}

    def look(row: int) -> str | None:
        try:
            return spec.likeness(load_row(table, row, spec))
        except SampleError:  # whoever needs the sample itself reports why
            return None

    contents = iter(row_of)
    for batch in read_ahead(look, list(row_of.values()), batch_size=_AT_ONCE):
        known.update(zip(contents, batch, strict=False))
    return [None if content is None else known.get(content) for content in hashes]

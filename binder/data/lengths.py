"""How long samples are, for batches of similar lengths. Floor: data; called by train."""

import numpy as np

from binder.data.dataset import Item, ModalityDataset
from binder.errors import SampleError, TableError


def sample_lengths(samples: ModalityDataset, rows: np.ndarray) -> np.ndarray:
    """Lengths of samples in one unit of their modality, without decoding any.

    They come from the tensors where all of `rows` are kept in memory, else from the headers that
    `ModalitySpec.length_of` reads.

    Args:
        samples: of one modality.
        rows: which rows to measure, int.

    Returns:
        float64 (row of the table,); 0 where a row was not asked for or can't be opened (reading it reports why).

    Raises:
        TableError: the modality can't tell lengths from headers and the samples are not in memory.
    """
    lengths = np.zeros(len(samples))
    kept = [samples.kept(int(row)) for row in rows]
    if all(found is not None for found in kept):
        lengths[rows] = [found.tensor.numel() if isinstance(found, Item) else 0 for found in kept]
        return lengths
    for row in rows:
        lengths[row] = _from_header(samples, int(row))
    return lengths


def _from_header(samples: ModalityDataset, row: int) -> int:
    try:
        source = samples.table.cell(row, samples.spec.name)
        length = 0 if source is None else samples.spec.length_of(source)
    except SampleError:
        return 0
    if length is None:
        raise TableError.explain(
            f"the lengths of {samples.spec.name} are not known before reading",
            got=f"{samples.spec.reference}.length_of returned None for row {samples.table.ids[row]!r}",
            fix="keep samples in memory (data.keep_in_memory: true), or give the modality a length_of",
        )
    return length

"""Folders that clip-retrieval wrote, as a table and as vectors. Floor: data; called by `PairTable.open` and interop.

`clip-retrieval inference` [1] leaves img_emb/img_emb_N.npy and text_emb/text_emb_N.npy, float16 (row, dim), and
metadata/metadata_N.parquet with the columns image_path (a file, or the key of a WebDataset sample), caption and the
fields of its JSON. Row i of part N is the same sample in all three. Here SENSE_emb may hold vectors of any modality.

[1] https://github.com/rom1504/clip-retrieval#clip-inference
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset
from pyarrow import parquet

from binder.errors import TableError

METADATA = "metadata"
COLUMNS = {"image": "image_path", "text": "caption"}  # modality -> its column
_NUMBER = re.compile(r"_(\d+)$")


def sense(modality: str) -> str:
    """What the layout calls a modality in the names of folders and files."""
    return "img" if modality == "image" else modality


def is_layout(folder: Path) -> bool:
    """Whether `folder` is laid out in this way."""
    return any((folder / METADATA).glob("*.parquet")) and any(folder.glob("*_emb/*_emb_*.npy"))


def load_metadata(folder: Path) -> Dataset:
    """The metadata of all parts, one row a sample; `image` and `text` stand beside the columns they come from.

    Raises:
        TableError: parts that do not fit together.
    """
    parts = [parquet.read_table(path) for path in _parts(folder / METADATA, ".parquet").values()]
    try:
        table = pa.concat_tables(parts, promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError.explain("a field has other types in other parts", got=f"{folder}: {error}") from error
    for modality, column in COLUMNS.items():
        if column in table.column_names and modality not in table.column_names:
            table = table.append_column(modality, table[column])
    return Dataset(table)


def load_vectors(folder: Path, modality: str) -> Iterator[np.ndarray]:
    """The vectors of a modality, memory-mapped, part by part, (row, dim); nothing where there are none.

    Raises:
        TableError: a part that is missing, or has another number of rows than its metadata.
    """
    name = sense(modality)
    parts = _parts(folder / f"{name}_emb", ".npy")
    if not parts:
        return
    metadata = _parts(folder / METADATA, ".parquet")
    if parts.keys() != metadata.keys():
        raise TableError.explain(
            "parts are missing",
            got=f"{name}_emb has {sorted(parts)}, {METADATA} has {sorted(metadata)} in {folder}",
            fix="copy the folder again",
        )
    for number, path in parts.items():
        vectors, rows = (
            np.load(path, mmap_mode="r", allow_pickle=False),
            parquet.read_metadata(metadata[number]).num_rows,
        )
        if vectors.ndim != 2 or len(vectors) != rows:
            raise TableError.explain("vectors do not fit their metadata", got=f"{path}: {vectors.shape}, {rows} rows")
        yield vectors


def _parts(folder: Path, suffix: str) -> dict[int, Path]:
    """Part number -> file, in order."""
    found = {int(match[1]): path for path in folder.glob(f"*{suffix}") if (match := _NUMBER.search(path.stem))}
    return dict(sorted(found.items()))

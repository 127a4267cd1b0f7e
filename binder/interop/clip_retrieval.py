"""Vectors from and to the folders of clip-retrieval. Floor: interop; the layout is `binder.data.clip_retrieval`'s.

From: `to_vector_file` makes of such a folder a file for the hub `precomputed:`. To: `write_folder` embeds a table, for
clip-retrieval to index and serve (`clip-retrieval index --image_subfolder img_emb ...`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from binder.data import PairTable
from binder.data.cells import content_hash
from binder.data.clip_retrieval import COLUMNS, METADATA, is_layout, load_metadata, load_vectors, sense
from binder.errors import TableError
from binder.hub.vector_files import write_keyed
from binder.space import Space
from binder.storage import new_artifact, require_free
from binder.types import Source

KIND = "clip-retrieval folder"
_SHOWN = 3
_BATCH = 32  # samples per forward


def to_vector_file(
    folder: str | Path,
    output: str | Path,
    *,
    model: str,
    licence: str | None = None,
    table: PairTable | None = None,
) -> None:
    """Write the vectors of a folder as a file that the hub `precomputed:` opens.

    Args:
        folder: what clip-retrieval wrote.
        output: .parquet; samples that are equal stand there once.
        model: whose vectors they are: the folder does not say.
        licence: of the vectors.
        table: that was embedded, with the column image; needed where image_path is the key of a WebDataset sample,
            which must be the table's id.

    Raises:
        TableError: another folder, or pictures that are neither files nor in the table.
    """
    folder = Path(folder)
    if not is_layout(folder):
        raise TableError.explain(
            "no folder of clip-retrieval", got=folder, expected=f"img_emb/ or text_emb/ beside {METADATA}/"
        )
    rows = load_metadata(folder)
    found: dict[str, tuple[list[str], np.ndarray]] = {}
    for modality, column in COLUMNS.items():
        if parts := list(load_vectors(folder, modality)):
            names = rows[column][:]
            keys = names if modality == "text" else _hash_pictures(folder, names, table)
            found[modality] = _once(keys, np.concatenate(parts))
    write_keyed(Path(output), found, model=model, licence=licence)


def write_folder(
    space: Space,
    table: PairTable,
    folder: str | Path,
    *,
    modalities: Sequence[str] = ("image", "text"),
    dtype: Literal["float16", "float32"] = "float16",
    part_size: int = 100_000,
) -> int:
    """Embed a table into the layout of clip-retrieval.

    Args:
        space: embeds.
        table: rows that lack one of the modalities are left out: row i is one sample in every file.
        folder: becomes the artifact.
        modalities: each gets NAME_emb, image img_emb.
        dtype: of the vectors; clip-retrieval itself writes float16.
        part_size: rows per file.

    Returns:
        The number of rows.

    Raises:
        TableError: no row has all of the modalities.
        RegistryError: the space does not embed one of them.
        SampleError: a sample that breaks its contract.
        ArtifactError: the folder is not empty.
    """
    require_free(Path(folder))
    rows = np.flatnonzero(np.all([table.present(modality) for modality in modalities], axis=0))
    if not len(rows):
        raise TableError.explain("no row has all modalities", got=", ".join(modalities), choices=table.columns)
    starts = range(0, len(rows), part_size)
    digits = len(str(len(starts) - 1))
    with new_artifact(Path(folder), KIND, {"hub_fingerprint": space.fingerprint}) as partial:
        for number, start in enumerate(starts):
            part, suffix = table.select(rows[start : start + part_size]), str(number).zfill(digits)
            for modality in modalities:
                name = f"{sense(modality)}_emb"
                (partial / name).mkdir(exist_ok=True)
                sources = [_cell(part, row, modality) for row in range(len(part))]
                vectors = space.embedder(modality).encode(sources, _BATCH)
                np.save(partial / name / f"{name}_{suffix}.npy", vectors.astype(dtype))
            (partial / METADATA).mkdir(exist_ok=True)
            parquet.write_table(_metadata(part), partial / METADATA / f"{METADATA}_{suffix}.parquet")
    return len(rows)


def _cell(table: PairTable, row: int, modality: str) -> Source:
    source = table.cell(row, modality)
    assert source is not None, "rows without it were left out"
    return source


def _metadata(table: PairTable) -> pa.Table:
    """What clip-retrieval's own tools look for, and the ids: a picture without a file is named by its id."""
    columns: dict[str, list[str | None]] = {"id": list(table.ids)}
    if "image" in table.columns:
        cells = enumerate(table.cell(row, "image") for row in range(len(table)))
        columns["image_path"] = [str(one.absolute()) if isinstance(one, Path) else table.ids[row] for row, one in cells]
    if "text" in table.columns:
        columns["caption"] = [str(table.cell(row, "text")) for row in range(len(table))]
    return pa.table(columns)


def _hash_pictures(folder: Path, names: Sequence[str], table: PairTable | None) -> list[str]:
    """The content hash of every picture: of the file of this name, or of the table's row of this id."""
    known = {} if table is None else dict(zip(table.ids, table.content_hashes("image"), strict=True))
    hashes = [known.get(name) or content_hash(folder / name) for name in names]
    absent = [name for name, key in zip(names, hashes, strict=True) if key is None]
    if absent:
        raise TableError.explain(
            f"{len(absent)} of {len(names)} pictures are neither files nor rows of the table",
            got=", ".join(absent[:_SHOWN]),
            fix="name the table that was embedded, such as its shards: table=PairTable.open(...)",
        )
    return [key for key in hashes if key is not None]


def _once(keys: Sequence[str | None], vectors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Every key with its first vector: equal samples have equal ones. Empty captions are no samples."""
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            first.setdefault(key, row)
    return list(first), vectors[list(first.values())]

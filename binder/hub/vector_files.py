"""Files of vectors: Parquet, or NPY with a JSON beside it; read, checked and written. Floor: hub; for `precomputed`.

Parquet has one row per vector and the columns `modality`, `key`, `vector`, `model`, and if known `licence`.
NAME.npy holds (vector, dim) and NAME.json beside it the same columns: `modality` and `key` as lists, in order;
`model` and `licence` as one string each; `modality` may be one string, too.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float

from binder.data.cells import content_hash
from binder.errors import HubError
from binder.storage import hash_file, hash_json
from binder.types import Source

_COLUMNS = ("modality", "key", "model")
_FIX = "write it as docs/hubs.md has it, or with binder.hub.vector_files.write_vectors"
_BLOCK = 65_536  # vectors checked at a time: a mapped file needs not fit into memory


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorFile:
    """What a file of vectors holds.

    Attributes:
        vectors: (row, dim), finite, none zero, of any length.
        modalities: of each row.
        keys: of each row.
        model: whose vectors they are.
        licence: of the vectors, as far as the file says.
        fingerprint: changes with every byte and the model's name.
    """

    vectors: Float[np.ndarray, "row dim"]
    modalities: list[str]
    keys: list[str]
    model: str
    licence: str | None
    fingerprint: str


def read_vectors(name: str, path: Path) -> VectorFile:
    """Open a file of vectors.

    Args:
        name: of the hub, for messages.
        path: .parquet or .npy.

    Raises:
        HubError: no such file, another format, columns that are missing or of the wrong kind, or a bad vector.
    """
    readers = {".parquet": _read_parquet, ".npy": _read_npy}
    if path.suffix not in readers or not path.is_file():
        got = f"no file {path}" if path.suffix in readers else path.name
        raise HubError.explain(f"cannot open {name}", got=got, expected="an existing .parquet or .npy file")
    try:
        vectors, columns, files = readers[path.suffix](name, path)
    except (ValueError, OSError, EOFError, pa.ArrowException) as error:
        raise HubError.explain(
            f"cannot open {name}", got=error, expected="a whole .parquet, or a .npy with its .json beside it", fix=_FIX
        ) from error
    keys = _texts(name, columns, "key", len(vectors))
    _check_vectors(name, vectors, keys)
    model = _one_text(name, columns, "model", len(vectors))
    return VectorFile(
        vectors=vectors,
        modalities=_texts(name, columns, "modality", len(vectors)),
        keys=keys,
        model=model,
        licence=_one_text(name, columns, "licence", len(vectors)) if _has_licence(columns) else None,
        fingerprint=hash_json({"files": [hash_file(file) for file in files], "model": model}),
    )


def write_vectors(
    path: Path | str,
    vectors: Mapping[str, tuple[Sequence[Source], Float[np.ndarray, "sample dim"]]],
    *,
    model: str,
    licence: str | None = None,
) -> None:
    """Write vectors of samples as Parquet, keyed by the content of each sample.

    Args:
        path: of the file, .parquet.
        vectors: modality -> (samples: `Path`s of files, texts, bytes or arrays as a table holds them; their vectors).
        model: whose vectors they are.
        licence: of the vectors.

    Raises:
        HubError: numbers of samples and vectors differ, or a sample has no content, such as a file that is missing.
    """
    keyed = {}
    for modality, (sources, rows) in vectors.items():
        keys = [content_hash(source) for source in sources]
        if None in keys or len(keys) != len(rows):
            got = f"{len(rows)} vectors for {len(keys)} samples, {keys.count(None)} of them without content"
            raise HubError.explain(f"cannot write {modality} vectors", got=got, expected="one vector per sample")
        keyed[modality] = (keys, rows)
    write_keyed(path, keyed, model=model, licence=licence)


def write_keyed(
    path: Path | str,
    vectors: Mapping[str, tuple[Sequence[str], Float[np.ndarray, "sample dim"]]],
    *,
    model: str,
    licence: str | None = None,
) -> None:
    """As `write_vectors`, where the keys are known: modality -> (keys, vectors)."""
    tables = []
    for modality, (keys, rows) in vectors.items():
        held = pa.FixedSizeListArray.from_arrays(np.asarray(rows, np.float32).reshape(-1), rows.shape[1])
        facts = {column: [value] * len(keys) for column, value in (("model", model), ("licence", licence))}
        tables.append(pa.table({"modality": [modality] * len(keys), "key": keys, "vector": held, **facts}))
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), path)


def _read_parquet(name: str, path: Path) -> tuple[np.ndarray, dict[str, Any], list[Path]]:
    table = pq.read_table(path)
    _require(name, table.column_names, (*_COLUMNS, "vector"))
    held = table["vector"].combine_chunks()
    if not isinstance(held, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        raise HubError.explain(f"{name}: column vector", got=held.type, expected="list of float", fix=_FIX)
    lengths = set(pc.list_value_length(held).unique().to_pylist())  # pyright: ignore[reportAttributeAccessIssue]
    if len(lengths) != 1 or None in lengths:
        got = f"vectors of lengths {', '.join(sorted(map(str, lengths))[:5])}"
        raise HubError.explain(f"{name}: column vector", got=got, expected="one length, and no vector missing")
    vectors = held.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    columns = {column: table[column].to_pylist() for column in table.column_names if column != "vector"}
    return vectors, columns, [path]


def _read_npy(name: str, path: Path) -> tuple[np.ndarray, dict[str, Any], list[Path]]:
    beside = path.with_suffix(".json")
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    columns = json.loads(beside.read_text(encoding="utf-8"))
    if not isinstance(columns, dict):
        raise HubError.explain(
            f"{name}: {beside.name}", got=type(columns).__name__, expected="columns by name", fix=_FIX
        )
    _require(name, columns, _COLUMNS)
    return vectors, columns, [path, beside]


def _require(name: str, found: Iterable[str], needed: Sequence[str]) -> None:
    missing = [column for column in needed if column not in found]
    if missing:
        raise HubError.explain(
            f"{name} lacks the column {' and '.join(missing)}",
            got=", ".join(found) or "no column",
            expected="modality, key, vector, model, and licence if it is known",
            fix=_FIX,
        )


def _texts(name: str, columns: Mapping[str, Any], column: str, count: int) -> list[str]:
    """A column of texts; one text stands for as many as there are vectors."""
    held = columns[column]
    values = held if isinstance(held, list) else [held] * count
    wrong = sum(not isinstance(value, str) or not value for value in values)
    if wrong or len(values) != count:
        got = f"{len(values)} values, {wrong} of them no text, for {count} vectors"
        raise HubError.explain(f"{name}: column {column}", got=got, expected="a text for every vector")
    return values


def _one_text(name: str, columns: Mapping[str, Any], column: str, count: int) -> str:
    """A fact about the whole file: the same text in every row."""
    values = set(_texts(name, columns, column, count))
    if len(values) > 1:
        got = f"several values of {column}: {', '.join(sorted(values)[:5])}"
        raise HubError.explain(f"{name}: column {column}", got=got, expected="the same in every row")
    return values.pop()


def _has_licence(columns: Mapping[str, Any]) -> bool:
    held = columns.get("licence")
    return any(held) if isinstance(held, list) else held is not None


def _check_vectors(name: str, vectors: np.ndarray, keys: Sequence[str]) -> None:
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        got = f"{vectors.dtype} {vectors.shape}"
        raise HubError.explain(f"{name} holds no vectors", got=got, expected="real numbers (vector, dim), at least one")
    for start in range(0, len(vectors), _BLOCK):
        lengths = np.linalg.norm(np.asarray(vectors[start : start + _BLOCK], np.float64), axis=1)
        bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
        if len(bad):
            row = start + int(bad[0])
            got = f"row {row}, key {keys[row][:80]!r}"
            fix = "embed these samples again, or leave them out"
            raise HubError.explain(f"{name} holds a vector that is zero, NaN or infinite", got=got, fix=fix)

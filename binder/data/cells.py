"""One cell of a pair table: from Arrow to a source, and its content hash. Floor: data; called by `table`.

A null cell is a missing modality and becomes None. Nothing is cast: an array keeps the dtype
that its column declares, and a type that no modality can read is an error when the table opens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from binder.data.shards import PLACE, read_member
from binder.errors import SampleError, TableError
from binder.storage import hash_bytes, hash_file, hash_json
from binder.types import Source


def check_cell_type(column: str, modality: str, dtype: pa.DataType, *, text: bool) -> None:
    """Raise unless cells of `dtype` can hold samples of `modality`.

    Raises:
        TableError: numbers, dates and the like; or anything but strings where the modality is text.
    """
    is_string = pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_null(dtype)
    is_data = _is_list(dtype) or _is_binary(dtype) or pa.types.is_struct(dtype)
    if is_string or (is_data and not text):
        return
    raise TableError.explain(
        f"column {column!r} cannot hold {modality}",
        got=f"cells of type {dtype}",
        expected="strings" if text else "file paths, bytes, arrays (nested lists), or {bytes, path} structs",
        fix="write the cells as such, or map another column; binder casts nothing by itself",
    )


def to_source(cell: pa.Scalar, *, text: bool, root: Path | None, shards: Sequence[Path] = ()) -> Source | None:
    """Turn an Arrow scalar into what `ModalitySpec.load` takes; None for a null cell.

    Args:
        cell: one cell.
        text: whether a string is the sample itself; otherwise it is a path.
        root: folder that relative paths start at; None leaves them as they are.
        shards: the archives that a cell may name a place in.

    Raises:
        SampleError: an array with holes or rows of different lengths, an empty struct, or a shard that
            is gone or cut off.
    """
    if not cell.is_valid:
        return None
    if isinstance(cell, pa.ExtensionScalar):
        cell = cell.value
    if _is_list(cell.type):
        return _to_array(cell)
    if shards and cell.type == PLACE:
        place = cell.as_py()
        return read_member(shards[place["shard"]], place["offset"], place["size"])
    if pa.types.is_struct(cell.type):
        return _from_struct(cell, root)
    value = cell.as_py()
    return _resolve(value, root) if isinstance(value, str) and not text else value


def holds_sample(column: pa.ChunkedArray) -> np.ndarray:
    """True where a cell holds something, bool (row,): not null, nor a {bytes, path} struct of nulls."""
    valid = np.asarray(column.is_valid())
    if pa.types.is_struct(column.type) and _is_file_struct([field.name for field in column.type]):
        parts = [pc.struct_field(column, field.name).is_valid() for field in column.type]  # pyright: ignore
        valid = valid & np.any([np.asarray(part) for part in parts], axis=0)
    return valid


def content_hash(source: Source | None) -> str | None:
    """Name the content of a source: a file by its bytes, text by UTF-8, arrays by bytes, shape and dtype.

    None where there is no content: no source, or a file that is missing or not a file (reading reports it).
    """
    match source:
        case None:
            return None
        case Path():
            return hash_file(source) if _is_file(source) else None
        case str():
            return hash_bytes(source.encode("utf-8", "surrogatepass"))  # reading refuses what is not UTF-8
        case bytes():
            return hash_bytes(source)
        case np.ndarray():
            head = f"{source.dtype.str} {source.shape} ".encode()
            return hash_bytes(head + np.ascontiguousarray(source).tobytes())
        case dict():
            return hash_json({key: _part_hash(value) for key, value in source.items()})
    raise AssertionError(f"not a source: {type(source).__name__}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the file system; reading it reports why
        return False


def _part_hash(value: Any) -> Any:
    return content_hash(value) if isinstance(value, Path | bytes | np.ndarray | dict) else repr(value)


def _resolve(path: str, root: Path | None) -> Path:
    return Path(path) if root is None else root / path  # an absolute `path` wins over `root`


def _from_struct(cell: pa.StructScalar, root: Path | None) -> Source | None:
    """A Hugging Face Image, Audio or Video cell is {bytes, path}; other structs pass through as dicts."""
    if _is_file_struct(list(cell)):
        value = cell.as_py()
        if value.get("bytes") is not None:
            return value["bytes"]
        if value.get("path") is not None:
            return _resolve(value["path"], root)
        return None
    return {
        key: _to_array(part) if _is_list(part.type) and part.is_valid else part.as_py() for key, part in cell.items()
    }


def _is_file_struct(names: list[str]) -> bool:
    return 0 < len(names) and set(names) <= {"bytes", "path"}


def _to_array(cell: pa.ListScalar) -> np.ndarray:
    """Nested lists to an array of their own dtype, without a trip through Python objects."""
    values, shape = cell.values, [len(cell.values)]
    while _is_list(values.type):
        values = values.storage if isinstance(values, pa.ExtensionArray) else values
        _check_no_nulls(values)
        lengths = pc.list_value_length(values).unique().to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
        if len(lengths) > 1:
            raise SampleError.explain(
                "ragged array", got=f"inner lists of lengths {sorted(lengths)[:5]}", expected="equal lengths"
            )
        shape.append(lengths[0] if lengths else 0)
        values = values.flatten()
    _check_no_nulls(values)
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def _check_no_nulls(values: pa.Array) -> None:
    if values.null_count:
        raise SampleError.explain(
            "array with holes",
            got=f"{values.null_count} null values",
            expected="a number everywhere",
            fix="repair or remove the recording; binder never fills in values",
        )


def _is_list(dtype: pa.DataType) -> bool:
    dtype = dtype.storage_type if isinstance(dtype, pa.BaseExtensionType) else dtype
    return pa.types.is_list(dtype) or pa.types.is_large_list(dtype) or pa.types.is_fixed_size_list(dtype)


def _is_binary(dtype: pa.DataType) -> bool:
    return pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype)

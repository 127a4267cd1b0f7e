"""WebDataset shards as a pair table, indexed once and read by seeking. Floor: data; called by `PairTable.open`.

The convention [1]: files of one sample follow each other in a .tar under one key, the path up to the first dot
of its last part; the rest is the extension, which names the column. No sample is copied: a cell is the place of
its bytes, so rows stay random access. What is small enough to be searched is read into the index: `.txt` and
`.cls` as text, the fields of a `.json` object as columns.

The index is an artifact in the cache folder of the datasets library, under the hash of the shards' paths, sizes
and times of change.

[1] https://github.com/webdataset/webdataset#the-webdataset-format
"""

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from datasets import Dataset
from datasets import config as library
from filelock import FileLock

from binder.errors import SampleError, TableError
from binder.storage import hash_json, is_complete, new_artifact

KIND = "shard-index"
PLACE = pa.struct([("shard", pa.int32()), ("offset", pa.int64()), ("size", pa.int64())])
_INDEX = "index.arrow"
_ID = "id"
_TEXTS = (".txt", ".cls")
_JSON = ".json"
_BLOCK = tarfile.BLOCKSIZE
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")

Row = dict[str, Any]


class _Place(dict[str, int]):
    """Where a member's bytes lie; a class of its own, so that no JSON object is taken for one."""


def find_shards(source: str) -> list[Path]:
    """The .tar files that `source` names: one; a folder of them without subfolders; a pattern with {000..009}, * or ?.

    Returns:
        Absolute paths in order; empty where `source` names something else.

    Raises:
        TableError: a pattern that no file fits, or a range of which a shard is missing.
    """
    path = Path(source)
    if path.is_dir():
        return [] if any(part.is_dir() for part in path.iterdir()) else _glob(path.resolve() / "*.tar")
    if path.suffix != ".tar":
        return []
    found = [file for name in _expand(source) for file in _glob(Path(name))]
    absent = [str(file) for file in found if not file.is_file()]
    if absent or not found:
        raise TableError.explain(
            "shards are missing",
            got=f"{len(absent)} of {len(found)}, e.g. {absent[:3]}" if absent else f"no file fits {source}",
            expected="a file for every number of the range",
            fix="check the path and the range",
        )
    return [file.resolve() for file in found]


def load_shards(shards: Sequence[Path]) -> Dataset:
    """Open the index of these shards, written first if it is not there; memory-mapped.

    Raises:
        TableError: a shard that is compressed, damaged or cut off; a member twice, or without an extension; a
            field that is not JSON or mixes types. (A key in two shards is one id twice, which the table refuses.)
    """
    stats = [path.stat() for path in shards]
    facts = [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in zip(shards, stats, strict=True)]
    folder = Path(library.HF_DATASETS_CACHE) / "binder-shards"
    index = folder / hash_json(facts)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{index}.lock"):  # processes of one run open the table at once
        if not is_complete(index):
            table = _index(shards)
            with new_artifact(index, KIND, {"shards": facts}) as partial:
                with pa.OSFile(str(partial / _INDEX), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table)
    return Dataset.from_file(str(index / _INDEX))


def read_member(shard: Path, offset: int, size: int) -> bytes:
    """The bytes of one member.

    Raises:
        SampleError: the shard is gone, or shorter than when it was indexed.
    """
    try:
        with shard.open("rb") as stream:
            stream.seek(offset)
            content = stream.read(size)
    except OSError as error:
        raise SampleError.explain("cannot open the shard", got=f"{shard} ({error.strerror})") from error
    if len(content) < size:
        raise SampleError.explain(
            "shard changed since it was indexed",
            got=f"{shard}: {len(content)} bytes at {offset}",
            expected=f"{size}",
            fix="copy the shard again and open the table anew",
        )
    return content


def _expand(pattern: str) -> Iterator[str]:
    """`a{08..10}` to a08, a09, a10; several ranges to all their combinations."""
    pieces = _RANGE.split(pattern)
    ranges = [
        [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        for first, last in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    for numbers in product(*ranges):
        yield "".join(text for pair in zip(pieces[::3], [*numbers, ""], strict=True) for text in pair)


def _glob(path: Path) -> list[Path]:
    return sorted(path.parent.glob(path.name)) if set(path.name) & set("*?[") else [path]


def _index(shards: Sequence[Path]) -> pa.Table:
    """One row per key of a shard: its id, and a column per extension or JSON field."""
    tables = [_to_table(shard, _read_shard(shard, number)) for number, shard in enumerate(shards)]
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError.explain("a field has other types in other shards", got=str(error)) from error


def _read_shard(shard: Path, number: int) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    members = _members(shard)
    with shard.open("rb") as stream:
        for member in members:
            key, extension = _split_name(shard, member.name)
            row = rows.setdefault(key, {_ID: key})
            for column, value in _cells(stream, number, extension, member).items():
                if column in row:
                    raise TableError.explain(
                        "one column twice for a key", got=f"{column!r} of {key!r} in {shard}", fix="remove one of them"
                    )
                row[column] = value
    return rows


def _members(shard: Path) -> list[tarfile.TarInfo]:
    """The sample files in a shard, after a look at the end mark that a complete archive has."""
    try:
        with tarfile.open(shard, "r:") as archive:
            members = archive.getmembers()
            end = archive.offset
        with shard.open("rb") as stream:
            stream.seek(end)
            mark = stream.read(_BLOCK)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TableError.explain(
            "not a readable shard",
            got=f"{shard}: {error}",
            expected="a complete .tar, not compressed",
            fix="copy it again; unpack a .tar.gz, which can't be read by seeking",
        ) from error
    if mark != bytes(_BLOCK):
        what = "no end mark: the file is cut off" if len(mark) < _BLOCK else "no header where one should be"
        raise TableError.explain("damaged shard", got=f"{shard}: {what} at byte {end}", fix="copy the shard again")
    names = [member.name.rpartition("/")[2] for member in members]
    return [
        member
        for name, member in zip(names, members, strict=True)
        if member.isreg() and not name.startswith((".", "__"))  # hidden files and [1]'s own notes are no samples
    ]


def _split_name(shard: Path, name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    if not stem or not extension:
        raise TableError.explain(
            "a member without a column",
            got=f"{name!r} in {shard}",
            expected="KEY.EXTENSION",
            fix="remove it from the shard, or give it an extension",
        )
    return folder + slash + stem, extension.lower()


def _cells(shard: BinaryIO, number: int, extension: str, member: tarfile.TarInfo) -> Row:
    """What one member adds to its row."""
    suffix = "." + extension.rpartition(".")[2]
    if suffix not in (*_TEXTS, _JSON):
        return {extension: _Place(shard=number, offset=member.offset_data, size=member.size)}
    shard.seek(member.offset_data)
    try:
        text = shard.read(member.size).decode("utf-8")
        if suffix in _TEXTS:
            return {extension: text.strip() if suffix == ".cls" else text}
        fields = json.loads(text)
    except ValueError as error:  # not UTF-8, or not JSON
        raise TableError.explain(
            f"cannot read a .{extension}", got=f"{member.name} in {shard.name}: {error}"
        ) from error
    if not isinstance(fields, dict):
        raise TableError.explain(
            f"a .{extension} that is no object", got=f"{member.name} in {shard.name}", expected='{"label": ...}'
        )
    return {f"json.{name}" if name == _ID else name: value for name, value in fields.items()}  # the key is the id


def _to_table(shard: Path, rows: dict[str, Row]) -> pa.Table:
    names = dict.fromkeys(name for row in rows.values() for name in row)
    columns = {}
    for name in names:
        cells = [row.get(name) for row in rows.values()]
        try:
            columns[name] = pa.array(cells, PLACE if any(isinstance(cell, _Place) for cell in cells) else None)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise TableError.explain(f"field {name!r} mixes types", got=f"{shard}: {error}") from error
    return pa.table(columns)

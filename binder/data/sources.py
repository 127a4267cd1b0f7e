"""Where pair tables come from: files, folders, saved datasets, the hub. Floor: data; called by `PairTable.open`.

Each reader gives a Hugging Face `Dataset` and the folder that relative paths in it start at. Local
tables leave no cache files behind: they are read into memory, or memory-mapped where they were saved.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from datasets import Dataset, DatasetDict
from pyarrow import csv, parquet

from binder.errors import TableError

IN_MEMORY_BYTES = 1 << 30  # a larger Parquet file goes through the datasets library's memory-mapped cache
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SPLIT = "split"


def load_file(path: Path, *, verbatim: set[str]) -> Dataset:
    """Open a CSV, JSONL, JSON or Parquet table.

    Args:
        path: the file; its suffix says what it is.
        verbatim: CSV columns kept as the strings that are written ("007" stays "007");
            the types of the others are inferred.

    Raises:
        TableError: unknown suffix, or contents that do not parse.
    """
    readers: dict[str, Callable[[Path], Dataset]] = {
        ".csv": lambda file: Dataset(read_csv(file, verbatim=verbatim)),
        ".json": lambda file: Dataset(_read_json(file)),
        ".jsonl": lambda file: Dataset(_read_json(file)),
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TableError.explain("unknown kind of table", got=path, choices=sorted(readers))
    try:
        return reader(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError.explain(f"cannot read this {path.suffix} table", got=f"{path}: {error}") from error


def read_csv(path: Path, *, verbatim: set[str]) -> pa.Table:
    """Read a CSV file; an empty cell is null, a quoted empty string is an empty string, nothing else is null."""
    convert = csv.ConvertOptions(
        column_types={name: pa.string() for name in verbatim},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = csv.ParseOptions(newlines_in_values=True)
    return _check_names(path, csv.read_csv(path, parse_options=parse, convert_options=convert))


def _check_names(path: Path, table: pa.Table) -> pa.Table:
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise TableError.explain("a column name twice", got=f"{path}: {', '.join(twice)}", fix="rename one of them")
    return table


def is_saved_dataset(path: Path) -> bool:
    """Whether `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote this folder."""
    return any((path / name).is_file() for name in ("state.json", "dataset_dict.json"))


def load_saved(path: Path) -> Dataset:
    """Memory-map a dataset written by `save_to_disk`; several splits become one table with a column `split`."""
    with _quiet():
        return _one_dataset(datasets.load_from_disk(str(path)))


def looks_like_hub_id(source: str) -> bool:
    """Whether `source` is spelled ORG/NAME."""
    return _HUB_ID.fullmatch(source) is not None


def load_hub(name: str) -> Dataset:
    """Download a dataset from the Hugging Face hub into its usual cache.

    Raises:
        TableError: it cannot be had, with the library's own words.
    """
    try:
        with _quiet():
            return _one_dataset(datasets.load_dataset(name))
    except Exception as error:  # the library raises its own errors, its HTTP client's and the file system's
        raise TableError.explain(
            "neither a file or folder here nor a dataset on the hub",
            got=f"{name} ({type(error).__name__}: {error})",
            fix="check the path; for a hub dataset check its name, your login and the network",
        ) from error


def _read_json(path: Path) -> pa.Table:
    """JSON lines, or one JSON list of objects. Parsed here, not by Arrow, which turns date-like strings into dates."""
    text = path.read_text(encoding="utf-8")
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else list(_json_lines(text))
    except json.JSONDecodeError as error:
        raise TableError.explain("not JSON", got=f"{path}: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise TableError.explain("a row that is not an object", got=path, expected='{"id": ..., "image": ...}')
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _json_column(path, name, [row.get(name) for row in rows]) for name in names})


def _json_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(f"line {number}: {error.msg}", error.doc, error.pos) from error


def _json_column(path: Path, name: str, cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError.explain(
            f"column {name!r} mixes types", got=f"{path}: {error}", expected="one type in every row (or null)"
        ) from error


def _read_parquet(path: Path) -> Dataset:
    if path.stat().st_size <= IN_MEMORY_BYTES:
        return Dataset(_check_names(path, parquet.read_table(path)))
    with _quiet():
        return Dataset.from_parquet(str(path))  # pyright: ignore[reportReturnType]


def _one_dataset(loaded: Dataset | DatasetDict) -> Dataset:
    if isinstance(loaded, Dataset):
        return loaded
    parts = [
        part if _SPLIT in part.column_names else part.add_column(_SPLIT, [str(name)] * len(part))  # pyright: ignore
        for name, part in loaded.items()
    ]
    return datasets.concatenate_datasets(parts)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the datasets library's progress bars, then put the user's setting back."""
    was_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not was_off:
            datasets.enable_progress_bars()

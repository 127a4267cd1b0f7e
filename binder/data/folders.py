"""A folder of files as a pair table: ROOT/<modality>/<id>.<ext>. Floor: data; called by `PairTable.open`.

A file's stem is the row's id; a modality without a file for an id is missing in that row. Text files
are read into the table. An optional ROOT/metadata.csv adds columns (group, label, split, captions)
by its column `id` and must list exactly the ids that have files.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from datasets import Dataset

from binder.data.sources import read_csv
from binder.errors import TableError

METADATA = "metadata.csv"
_SHOWN = 5


def subfolders(root: Path) -> list[str]:
    """Names of the folders in `root` that are not hidden, sorted."""
    return sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def load_folder(root: Path, folders: Mapping[str, str], *, texts: set[str], verbatim: set[str]) -> Dataset:
    """Build the table of a folder of per-modality subfolders.

    Args:
        root: the folder.
        folders: modality -> name of its subfolder.
        texts: modalities whose files are read as UTF-8 text.
        verbatim: columns of metadata.csv kept as the strings that are written.

    Raises:
        TableError: two files with one stem in a subfolder, no file at all, text that is not
            UTF-8, or a metadata.csv whose ids are not those of the files.
    """
    files = {folder: _files_by_stem(root / folder) for folder in folders.values()}
    ids = sorted({stem for stems in files.values() for stem in stems})
    if not ids:
        raise TableError.explain("no files", got=[str(root / folder) for folder in files], expected="one per sample")
    columns = {"id": pa.array(ids)}
    for modality, folder in folders.items():
        cells = [_cell(files[folder].get(stem), root, text=modality in texts) for stem in ids]
        columns[folder] = pa.array(cells, pa.string())
    return Dataset(_add_metadata(pa.table(columns), root / METADATA, ids, verbatim))


def _files_by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise TableError.explain(
                "two files for one id", got=f"{found[path.stem]} and {path}", fix="keep one file per id and modality"
            )
        found[path.stem] = path
    return found


def _cell(file: Path | None, root: Path, *, text: bool) -> str | None:
    if file is None:
        return None
    if not text:
        return file.relative_to(root).as_posix()
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TableError.explain("not UTF-8 text", got=f"{file}: {error}", fix="save the file as UTF-8") from error


def _add_metadata(table: pa.Table, path: Path, ids: list[str], verbatim: set[str]) -> pa.Table:
    if not path.is_file():
        return table
    metadata = read_csv(path, verbatim={"id", *verbatim})
    if "id" not in metadata.column_names:
        raise TableError.explain("no column 'id'", got=f"{path}: {', '.join(metadata.column_names)}")
    rows = {stem: row for row, stem in enumerate(metadata["id"].to_pylist())}
    if len(rows) != len(metadata) or set(rows) != set(ids):
        raise TableError.explain(
            f"{METADATA} and the files disagree about the ids",
            got=f"{len(metadata)} rows; only in {METADATA}: {sorted(set(rows) - set(ids), key=str)[:_SHOWN]}; "
            f"only as files: {sorted(set(ids) - set(rows))[:_SHOWN]}",
            expected="each id once, and a file for each",
        )
    metadata = metadata.take([rows[stem] for stem in ids])
    for name in metadata.column_names:
        if name not in table.column_names:
            table = table.append_column(name, metadata[name])
    return table

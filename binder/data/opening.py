"""Decides what a table's source is, and opens it. Floor: data; called by `PairTable.open`."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from datasets import Dataset

from binder.data import clip_retrieval, folders, shards, sources
from binder.data.mapping import is_text, map_columns
from binder.errors import TableError
from binder.modality import ModalitySpec


class Opened(NamedTuple):
    """A table's rows, the folder its relative paths start at, and the archives that its cells lie in."""

    dataset: Dataset
    root: Path | None
    shards: tuple[Path, ...] = ()


def load_table(
    source: str, columns: Mapping[str, str] | None, specs: Mapping[str, ModalitySpec], verbatim: set[str]
) -> Opened:
    """Find the dataset behind `source`.

    Args:
        source: a file, a folder, shards or a hub id.
        columns: modality -> column or subfolder; None to take those named like a modality.
        specs: modalities that are not registered.
        verbatim: CSV columns kept as the strings that are written.

    Raises:
        TableError: nothing of the kind is there, or it does not parse.
    """
    path = Path(source)
    if archives := shards.find_shards(source):
        return Opened(shards.load_shards(archives), archives[0].parent, tuple(archives))
    if path.is_file():
        return Opened(sources.load_file(path, verbatim=verbatim), path.parent)
    if clip_retrieval.is_layout(path):
        return Opened(clip_retrieval.load_metadata(path), path)
    if path.is_dir() and sources.is_saved_dataset(path):
        return Opened(sources.load_saved(path), path)
    if path.is_dir():
        names = folders.subfolders(path)
        if not names:
            raise TableError.explain(
                "no table in this folder",
                got=path.absolute(),
                expected="subfolders named after modalities, .tar shards, a dataset written by save_to_disk, or "
                "metadata/ beside img_emb/ as clip-retrieval writes them",
                fix="name the table file itself if there is one",
            )
        chosen = map_columns(names, columns and _that_exist(columns, names), specs)
        texts = {name for name in chosen if is_text(name, specs)}
        return Opened(folders.load_folder(path, chosen, texts=texts, verbatim=verbatim), path)
    if sources.looks_like_hub_id(source) and not path.suffix:
        return Opened(sources.load_hub(source), None)
    raise TableError.explain(
        "no such table",
        got=path.absolute(),
        expected="a .csv, .jsonl, .json or .parquet file, .tar shards, a folder, or a hub dataset ORG/NAME",
        fix="check the path",
    )


def _that_exist(columns: Mapping[str, str], names: list[str]) -> dict[str, str]:
    """The part of a mapping that folders fulfil; metadata.csv may hold the rest, and is checked after it is read."""
    return {modality: column for modality, column in columns.items() if column in names} or dict(columns)

"""What all preparers share: a folder in the making, checks of the official files, prototypes of classes."""

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import yaml

from binder.errors import ArtifactError, TableError
from binder.evaluate.benchmarks import Benchmark
from binder.prompts import TEXT
from binder.storage import is_complete, new_artifact, read_manifest

KIND = "pair table"
Row = dict[str, Any]


@dataclass(kw_only=True)
class Draft:
    """A prepared folder in the making.

    Attributes:
        source: the official data.
        folder: where to write.
        out: where that folder will stand when it is complete.
        records: the benchmarks it is for.
        processes: that may work at once.
        tables: name -> rows written.
        left_out: id and reason of everything official that no table holds.
        notes: what the user should know besides.
    """

    source: Path
    folder: Path
    out: Path
    records: list[Benchmark]
    processes: int = 1
    tables: dict[str, int] = field(default_factory=dict)
    left_out: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def link(self, file: Path) -> str:
        """The way from the finished table to an official file."""
        return Path(os.path.relpath(file.resolve(), self.out.resolve())).as_posix()

    def leave_out(self, id: str, reason: str) -> None:
        """Remember what can't be used."""
        self.left_out.append({"id": id, "reason": reason})

    def usable_sound(self, id: str, file: Path) -> bool:
        """Whether a sound file is there and has a header; leaves `id` out if not."""
        try:
            frames = soundfile.info(file).frames
        except (soundfile.LibsndfileError, OSError) as error:
            self.leave_out(id, f"{file.name}: {error}" if file.exists() else f"no file {file.name}")
            return False
        if not frames:
            self.leave_out(id, f"{file.name}: no sound in it")
        return frames > 0

    def write(self, rows: Sequence[Row], table: str = "pairs.parquet") -> None:
        """Write a table; rows may lack columns."""
        if not rows:
            raise TableError.explain("nothing to write", got=f"no row for {table}", fix="check SOURCE")
        names = dict.fromkeys(name for row in rows for name in row)
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), self.folder / table)
        self.tables[table] = len(rows)


@contextmanager
def writing(
    source: Path, out: Path, records: list[Benchmark], *, allow_changed: bool, processes: int
) -> Iterator[Draft]:
    """Give a draft to fill; on a clean exit its folder becomes the artifact `out`, else nothing is left.

    Raises:
        ArtifactError: something other than an earlier table stands at `out`.
        TableError: a file of `source` is not the one whose checksum its publisher states.
    """
    if out.exists() and any(out.iterdir()):
        if not is_complete(out):
            raise ArtifactError.explain(
                "the folder holds something else",
                got=out,
                expected="no folder, or an earlier table",
                fix="name another",
            )
        read_manifest(out, KIND)
    facts: dict[str, Any] = {"benchmarks": [record.id for record in records]}
    with new_artifact(out, KIND, facts) as folder:
        draft = Draft(source=source, folder=folder, out=out, records=records, processes=processes)
        _check_downloads(draft, allow_changed)
        yield draft
        facts |= {"rows": draft.tables, "left_out": len(draft.left_out), "notes": draft.notes}
        with (folder / "left_out.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ("id", "reason"))
            writer.writeheader()
            writer.writerows(draft.left_out)
        for record in records:
            if record.table in draft.tables:
                text = yaml.safe_dump(data_section(record, out), sort_keys=False)
                (folder / f"data.{record.name}.yaml").write_text(text, encoding="utf-8")


def data_section(record: Benchmark, out: Path) -> dict[str, Any]:
    """The section `data` of a run on a record's table."""
    section = {
        "table": str(out / record.table),
        "columns": record.columns,
        "id": "id",
        "group": record.group,
        "label": record.label,
        "split": {"column": "split"},
        "licence": record.licence,
    }
    return {name: value for name, value in section.items() if value is not None}


def add_prototypes(rows: list[Row], records: Sequence[Benchmark]) -> None:
    """Give every text of a zero-shot record a row without a sample, where no sample of its split brings it.

    Rows of one record take no part in another: there they have neither text nor sample, and any label does.
    """
    for record in records:
        assert record.classes is not None and record.label is not None
        text = record.columns[TEXT]
        known = {(row.get(record.label), row.get(text)) for row in rows if row["split"] == record.split}
        for label, texts in record.classes.items():
            for one in texts:
                if (label, one) not in known:
                    rows.append(prototype(record, label, one))
    for row in rows:
        for record in records:
            row.setdefault(str(record.label), "(no class)")


def prototype(record: Benchmark, label: str, text: str) -> Row:
    """A row that holds a text of a class and no sample."""
    row = {"id": f"class:{record.name}:{text}", str(record.label): label, record.columns[TEXT]: text}
    return row | {"split": record.split, str(record.group): f"class:{text}"}


def read_rows(
    path: Path, columns: Sequence[str], *, header: bool = True, encoding: str = "utf-8"
) -> list[dict[str, str]]:
    """Read an official CSV file.

    Raises:
        TableError: it is not there, not text, or lacks one of `columns`.
    """
    if not path.is_file():
        raise TableError.explain("official file missing", got=path, fix="check SOURCE")
    try:
        with path.open(newline="", encoding=encoding) as stream:
            rows = list(csv.DictReader(stream, fieldnames=None if header else columns))
    except UnicodeDecodeError as error:
        raise TableError.explain("not text", got=f"{path}: {error}", expected=encoding) from error
    lacking = [name for name in columns if not rows or name not in rows[0]]
    if lacking:
        raise TableError.explain("columns missing", got=f"{path}: no {', '.join(lacking)}", expected=", ".join(columns))
    return rows


def official_folder(source: Path, *names: str) -> Path:
    """The first of `source/name` that is a folder; "." is `source` itself.

    Raises:
        TableError: none is.
    """
    for name in names:
        if (source / name).is_dir():
            return source / name
    raise TableError.explain("not the official layout", got=source, expected=f"a folder {' or '.join(names)} in it")


def straddling(rows: Sequence[Row], group: str) -> list[str]:
    """Groups that stand in more than one split."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row[group], set()).add(row["split"])
    return sorted(name for name, seen in splits.items() if len(seen) > 1)


def _check_downloads(draft: Draft, allow_changed: bool) -> None:
    downloads = {one.file: one for record in draft.records for one in record.downloads if one.md5 is not None}
    for one in downloads.values():
        path = draft.source / one.file
        if not path.is_file():
            draft.notes.append(f"{one.file} is not in SOURCE, so its checksum was not compared")
            continue
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "md5").hexdigest()
        if found == one.md5:
            draft.notes.append(f"{one.file} is the published file (MD5 {found})")
        elif allow_changed:
            draft.notes.append(f"{one.file} is NOT the published file: MD5 {found}, published {one.md5}")
        else:
            raise TableError.explain(
                "not the published file",
                got=f"{path}: MD5 {found}",
                expected=f"{one.md5}, from {one.url}",
                fix="download it again, or --allow-changed to go on and have it said",
            )

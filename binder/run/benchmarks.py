"""`evaluate_benchmark`: a space, a benchmark record, the prepared data; one comparable number. Floor: run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
from rich.console import Console

from binder.data import OnError, PairTable
from binder.errors import ConfigError, TableError
from binder.evaluate import Report
from binder.evaluate.benchmarks import Benchmark, benchmark_facts, open_benchmark
from binder.prompts import TEXT
from binder.run.evaluation import evaluate
from binder.run.tables import require_split
from binder.space import Space

LEFT_OUT = "left_out.csv"  # beside a prepared table: what of the official data is not in it, and why
_SHOWN = 5


def evaluate_benchmark(
    space: Space,
    benchmark: Benchmark | str | Path,
    data: Path | str,
    *,
    strict: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
    on_error: OnError = "raise",
    console: Console | None = None,
) -> Report:
    """Evaluate as a benchmark record says; the report's fact `benchmark` tells how far it is the record's number.

    Args:
        space: hub and towers.
        benchmark: a record, its NAME-vVERSION, or a YAML file.
        data: folder that the record's preparation wrote.
        strict: refuse a table whose hash is not the record's, also where the record has none.
        bootstrap: resamples for the intervals.
        seed: of intervals and controls.
        on_error: `skip` leaves bad samples out and lists them.
        console: where progress is drawn.

    Raises:
        ConfigError: the space lacks a modality of the headline, or the templates are not those of the record.
        TableError: no such table, columns or split; classes that are not the record's; with `strict` another hash.
    """
    record = benchmark if isinstance(benchmark, Benchmark) else open_benchmark(benchmark)
    names = _modalities(record, space)
    table, train = open_rows(record, Path(data), space=space)
    _check_classes(record, table)
    fingerprint = table.fingerprint
    if strict and fingerprint != record.table_hash:
        raise TableError.explain(
            f"not the table of {record.id}",
            got=fingerprint,
            expected=record.table_hash or "a hash in the record: nobody has measured one yet",
            fix=f"prepare the official data: {record.prepare}",
        )
    report = evaluate(
        space,
        table,
        relevance={name: record.relevance[name] for name in names if name in record.relevance},
        modalities=names,
        templates=record.templates.open() if record.templates else None,
        train_table=train,
        bootstrap=bootstrap,
        seed=seed,
        on_error=on_error,
        console=console,
    )
    facts = benchmark_facts(
        record, report, fingerprint=fingerprint, rows=_rows_of_senses(table), left_out=_left_out(Path(data))
    )
    return replace(report, facts={**report.facts, "benchmark": facts})


def open_rows(record: Benchmark, data: Path, *, space: Space | None = None) -> tuple[PairTable, PairTable | None]:
    """The rows that a record evaluates, and those it would train on, where its table has any.

    Args:
        record: the benchmark.
        data: the prepared folder.
        space: whose modalities read the cells.
    """
    path = data / record.table
    if not path.is_file():
        raise TableError.explain(
            f"no table of {record.id} here", got=path, expected=record.table, fix=f"prepare it: {record.prepare}"
        )
    specs = {} if space is None else {name: checkpoint.spec for name, checkpoint in space.towers.items()}
    rows = PairTable.open(path, columns=record.columns, group=record.group, label=record.label, specs=specs)
    if record.split is None:
        return rows, None
    splits = rows.splits()
    return require_split(splits, record.split), splits.get("train")


def _modalities(record: Benchmark, space: Space) -> list[str]:
    names = [name for name in record.columns if name in space.modalities]
    needed = {record.headline.query, record.headline.gallery} - {None}
    if needed - set(names) or len(names) < 2:
        raise ConfigError.explain(
            f"the space cannot answer {record.id}",
            got=", ".join(space.modalities),
            expected=" and ".join(sorted(map(str, needed))) or f"two or more of {', '.join(record.columns)}",
            fix="merge a space that has a tower for it",
        )
    return names


def _check_classes(record: Benchmark, table: PairTable) -> None:
    """Zero-shot numbers compare only over the same prototypes, with or without samples."""
    if record.classes is None:
        return
    assert table.labels is not None  # a zero-shot record names a label column
    rows = np.flatnonzero(table.present(TEXT)).tolist()
    found = {(table.labels[row], str(table.cell(row, TEXT))) for row in rows}
    expected = {(label, text) for label, texts in record.classes.items() for text in texts}
    if found != expected:
        raise TableError.explain(
            f"the classes are not those of {record.id}",
            got=f"missing: {_some(expected - found)}; unknown: {_some(found - expected)}",
            expected=f"{len(expected)} pairs of label and text",
            fix=f"prepare the table again: {record.prepare}",
        )


def _some(pairs: set[tuple[str, str]]) -> str:
    shown = [f"{label} ({text})" for label, text in sorted(pairs)]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "") or "none"


def _rows_of_senses(table: PairTable) -> int:
    senses = [table.present(name) for name in table.columns if name != TEXT]
    return int(np.any(senses, axis=0).sum())


def _left_out(data: Path) -> list[dict[str, Any]] | None:
    path = data / LEFT_OUT
    return pyarrow.csv.read_csv(path).to_pylist() if path.is_file() else None

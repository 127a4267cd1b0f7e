"""`certify`: what a space's training says of a table, without encoding it. Floor: run; called by the CLI."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from binder.data import PairTable
from binder.data.likenesses import likenesses
from binder.errors import ConfigError
from binder.evaluate import Rows
from binder.evaluate.certificate import (
    Source,
    Tested,
    Training,
    make_record,
    read_sources,
    same_evidence,
    verify_certificate,
)
from binder.hub.cache import build_hub_cache
from binder.hub.transform import TransformedHub
from binder.likeness import vector_likenesses
from binder.run.progress import track
from binder.run.tables import require_split
from binder.space import Space
from binder.storage import provenance, read_json, write_text

_STYLES = {"emergent": "bold green", "trained": "cyan", "hub-native": "blue", "tainted": "bold red"}


def certify(
    space: Space,
    table: PairTable,
    *,
    by_id: bool = True,
    hub_vectors: bool = False,
    hub_cache: Path | None = None,
    sources: Sequence[Source] = (),
    console: Console | None = None,
) -> dict[str, Any]:
    """Certify every ordered pair of modalities that both the space and the table have.

    Args:
        space: hub and towers.
        table: rows to be tested on; its files are hashed, its pictures and sounds read.
        by_id: whether relevance will be instance-level; else shared captions and the like count as prototypes.
        hub_vectors: also embed the hub's own modalities, to find near-duplicates among hub vectors.
        hub_cache: folder of hub caches; a temporary one by default.
        sources: declared by the user, before those that are known.
        console: where progress is drawn.

    Returns:
        The record, see `binder.evaluate.certificate.record`.

    Raises:
        ConfigError: fewer than two modalities in common.
        SampleError: with `hub_vectors`, a bad sample.
    """
    names = [name for name in space.modalities if name in table.columns]
    if len(names) < 2:
        raise ConfigError.explain(
            "nothing to certify", got=names, expected="two modalities that space and table share", choices=table.columns
        )
    rows = Rows(ids=table.ids, groups=table.groups, has_groups=table.has_groups)
    tested = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            native = name in space.hub.native
            vectors = (
                _vectors(space, table, name, hub_cache or Path(scratch), console) if native and hub_vectors else {}
            )
            tested[name] = _tested(space, table, name, rows, vectors)
    training = Training(
        {name: checkpoint.ledger for name, checkpoint in space.towers.items()},
        hub_fingerprint=space.hub.fingerprint,
        hub_native=space.hub.native,
        sources=sources,
    )
    return make_record(
        training, tested, by_id=by_id, has_groups=table.has_groups, table=table.fingerprint, made=provenance()
    )


def _tested(space: Space, table: PairTable, name: str, rows: Rows, vectors: dict[int, str]) -> Tested:
    hashes, alike = table.content_hashes(name), likenesses(table, space.spec(name))
    held = [(row, content) for row, content in enumerate(hashes) if content is not None]
    return Tested.listed(
        name,
        rows,
        native=name in space.hub.native,
        rows=[row for row, _ in held],
        content=[content for _, content in held],
        likeness=[None if alike is None else alike[row] for row, _ in held],
        vector=[vectors.get(row) for row, _ in held],
    )


def _vectors(space: Space, table: PairTable, name: str, folder: Path, console: Console | None) -> dict[int, str]:
    """Row -> likeness of its hub vector."""
    hub = space.hub
    raw = hub.hub if isinstance(hub, TransformedHub) else hub
    with track(console, f"hub: {name}", len(table)) as progress:
        cache = build_hub_cache(raw, table, name, space.spec(name), folder, progress=progress)
    vectors = cache.vectors_for(cache.rows)
    vectors = hub.transform(vectors) if isinstance(hub, TransformedHub) else vectors
    return dict(zip(cache.rows.tolist(), vector_likenesses(np.asarray(vectors)), strict=True))


def certify_table(
    folder: Path,
    table: str,
    *,
    split: str | None = None,
    sources: Path | None = None,
    by_id: bool = True,
    hub_vectors: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """`certify` of a saved space and a table's rows; `sources` is a YAML file, see `read_sources`.

    Raises:
        TableError: no such table, or no rows in that split.
        ConfigError: sources that cannot be read.
    """
    space = Space.load(folder)
    specs = {name: checkpoint.spec for name, checkpoint in space.towers.items()}
    rows = PairTable.open(table, specs=specs)
    return certify(
        space,
        rows if split is None else require_split(rows.splits(), split),
        by_id=by_id,
        hub_vectors=hub_vectors,
        sources=() if sources is None else read_sources(sources),
        console=console,
    )


def save_record(record: dict[str, Any], path: Path) -> None:
    """Write a record, compact: most of it is hashes."""
    write_text(path, json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")


def check_record(path: Path, again: dict[str, Any] | None, console: Console) -> int:
    """Verify a saved record, also against one made again where that is given; say what is wrong.

    Returns:
        0 where all holds, else 1.
    """
    record = read_json(path)
    faults = verify_certificate(record)
    if again is not None:
        faults += [f"made again, `{part}` is another" for part in same_evidence(record, again)]
    for fault in faults:
        console.print(f"- {fault}", style="red", markup=False, highlight=False)
    if not faults:
        against = "" if again is None else ", which are those of this space and table"
        console.print(f"{len(record['verdicts'])} verdicts follow from the hashes{against}", highlight=False)
    return int(bool(faults))


def print_record(record: dict[str, Any], console: Console) -> int:
    """The reasoning: who joined what, then every verdict with its reasons and notes.

    Returns:
        1 where a pair is tainted, else 0.
    """
    graph = Table("joined", "by", "how", "where it is written", title="Provenance", title_justify="left")
    for edge in record["edges"]:
        graph.add_row(f"{edge['a']} - {edge['b']}", edge["by"], edge["how"], edge["source"])
    graph.add_row(" - ".join(record["hub"]["native"]), "hub", "native", record["hub"]["fingerprint"])
    console.print(graph)
    for one in record["verdicts"]:
        pair = f"{one['query']} -> {one['gallery']}: "
        console.print(f"[{_STYLES[one['status']]}]{pair}{one['status']}[/]", highlight=False)
        for text in one["reasons"]:
            console.print(f"  because {text}", markup=False, highlight=False)
        for text in one["notes"]:
            console.print(f"  note: {text}", style="dim", markup=False, highlight=False)
    return int(any(one["status"] == "tainted" for one in record["verdicts"]))

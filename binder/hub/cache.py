"""Hub vectors on disk, computed once and memory-mapped. Floor: hub; used by run and train through `targets`.

A cache belongs to the contents of one column, one hub in one precision, and one way of reading; its key
is the hash of these. It is written in shards, each complete or absent, so that a killed run goes on where
it stopped; the artifact with its manifest appears last, as a whole. Any number of processes may ask at
once, the ranks of one run or strangers to each other, on any machines that share the folder: each takes
the next shard that nobody works on, so they share the work and no sample is embedded twice. Nothing but
file locks joins them; the lock of a killed process is free, and another takes its shard over.

    FOLDER/.KEY.shards-BATCHxBATCHES/00000.npy, 00000.json, 00000.lock   while it is being computed
    FOLDER/KEY/vectors.npy, rows.json, manifest.json
"""

import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from binder.data import OnError, PairTable
from binder.errors import ArtifactError, HubError, HubMismatchError, SampleError
from binder.hub.column import ColumnVectors, Contents, assemble, distinct_contents, embed_batches
from binder.hub.protocol import Hub
from binder.modality import ModalitySpec
from binder.storage import hash_json, is_complete, new_artifact, read_json, read_manifest, write_json

KIND = "hub-cache"
_VECTORS, _ROWS = "vectors.npy", "rows.json"
_SAID = ("reasons", "notes")  # by content number: why it has no vector, kinds of notes on it
log = logging.getLogger(__name__)

Progress = Callable[[int, int], object]


@dataclass(frozen=True, kw_only=True, eq=False)
class HubCache(ColumnVectors):
    """Column vectors read from a cache; `unique_vectors` is memory-mapped.

    Attributes:
        folder: where the cache stands.
    """

    folder: Path

    @classmethod
    def open(cls, folder: Path, hub: Hub, table: PairTable, spec: ModalitySpec) -> "HubCache":
        """Open a cache that must belong to this hub, column and modality.

        Raises:
            ArtifactError: absent, incomplete, or of another column or modality.
            HubMismatchError: of another hub.
        """
        facts = read_manifest(folder, KIND)
        expected = _facts(hub, table, spec)
        if facts["hub_fingerprint"] != expected["hub_fingerprint"]:
            raise HubMismatchError.explain(
                f"{folder} was computed by another hub",
                got=f"{facts['hub']} @ {facts['hub_fingerprint'][:8]}",
                expected=f"{hub.name} @ {hub.fingerprint[:8]}",
                fix="cache the column again with this hub",
            )
        for fact in ("modality", "column", "spec_fingerprint", "precision"):
            if facts.get(fact) != expected[fact]:
                raise ArtifactError.explain(
                    f"{folder} caches other samples" if fact != "precision" else f"{folder} is of another precision",
                    got=f"{fact} {facts.get(fact)}",
                    expected=expected[fact],
                    fix="cache this table's column; a changed file, order or reading option makes it another",
                )
        rows = read_json(folder / _ROWS)
        vectors = np.load(folder / _VECTORS, mmap_mode="r")
        reasons, notes = ({int(number): said for number, said in rows.get(name, {}).items()} for name in _SAID)
        if "notes" not in rows:
            log.warning("%s was computed before caches held notes on samples: none on its %s", folder, spec.name)
        column = assemble(table, spec.name, distinct_contents(table, spec.name), vectors, rows["kept"], reasons, notes)
        return cls(**vars(column), folder=folder)


def build_hub_cache(
    hub: Hub,
    table: PairTable,
    modality: str,
    spec: ModalitySpec,
    folder: Path | str,
    *,
    batch_size: int = 64,
    shard_size: int = 1024,
    on_error: OnError = "raise",
    progress: Progress | None = None,
) -> HubCache:
    """Open the cache of a hub-native column; compute first what is not there yet.

    Args:
        hub: embeds the samples.
        table: holds them; rows without this modality are left out, which is no error.
        modality: a native modality of the hub, with a column in the table.
        spec: reads the samples; its name is the modality.
        folder: holds caches of any hub and table, each under its key.
        batch_size: contents per forward pass.
        shard_size: contents per shard, rounded up to whole batches; processes share out shards, and a kill
            loses at most one for each.
        on_error: raise at a sample that cannot be read, or list it in `skips`.
        progress: called with (contents done, contents in all).

    Raises:
        SampleError: with `on_error` raise, naming the row; also where an earlier run skipped it.
        HubError: the hub does not embed this modality.
    """
    assert spec.name == modality, f"spec of {spec.name} for column {modality}"
    if modality not in hub.native:
        raise HubError.explain(f"{hub.name} does not embed {modality!r}", got=modality, choices=hub.native)
    facts = _facts(hub, table, spec)
    key = hash_json({name: fact for name, fact in facts.items() if name != "hub"})
    path, batches = Path(folder) / key, max(1, -(-shard_size // batch_size))
    shards = Path(folder) / f".{key}.shards-{batch_size}x{batches}"
    contents = distinct_contents(table, modality)
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not is_complete(path):
        writer = _Writer(
            hub=hub, table=table, spec=spec, contents=contents, path=path, shards=shards, progress=progress
        )
        names = writer.fill(batch_size=batch_size, shard_size=batch_size * batches, on_error=on_error)
        with FileLock(Path(folder) / f".{key}.lock"):
            if not is_complete(path):
                writer.publish(names, facts)
    shutil.rmtree(shards, ignore_errors=True)  # after the artifact: a kill in between loses nothing
    cache = HubCache.open(path, hub, table, spec)
    if cache.skips and on_error == "raise":
        skip = cache.skips[0]
        raise SampleError(f"row {skip.id!r}, modality {skip.modality!r}: {skip.reason}")
    return cache


def _facts(hub: Hub, table: PairTable, spec: ModalitySpec) -> dict[str, Any]:
    """What a cache belongs to."""
    return {
        "modality": spec.name,
        "column": hash_json([table.content_hashes(spec.name), table.present(spec.name).tolist()]),
        "hub": hub.name,
        "hub_fingerprint": hub.fingerprint,
        "precision": hub.precision,
        "spec_fingerprint": spec.fingerprint,
    }


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Computes the missing shards of one cache and joins them."""

    hub: Hub
    table: PairTable
    spec: ModalitySpec
    contents: Contents
    path: Path
    shards: Path
    progress: Progress | None

    def fill(self, *, batch_size: int, shard_size: int, on_error: OnError) -> list[Path]:
        """Write every shard that is not there: first those that no other process works on, then wait for the rest.

        Returns:
            The JSON file of each shard, in order.
        """
        todo = list(enumerate(self.contents.first_rows))
        shards = {
            self.shards / f"{start // shard_size:05d}.json": todo[start : start + shard_size]
            for start in range(0, len(todo), shard_size)
        }
        for facts, part in shards.items():
            self._take(facts, part, batch_size, on_error, wait=False)
            self._report(part[-1][0] + 1)
        for facts, part in shards.items():
            self._take(facts, part, batch_size, on_error, wait=True)
        return list(shards)

    def _take(
        self, facts: Path, part: list[tuple[int, int]], batch_size: int, on_error: OnError, *, wait: bool
    ) -> None:
        """Write one shard, unless it is there, the whole cache is, or another process has it and we do not wait."""
        if facts.exists():
            return
        try:
            with FileLock(facts.with_suffix(".lock"), timeout=-1 if wait else 0):
                if not facts.exists() and not is_complete(self.path):
                    self._write(facts, part, batch_size, on_error)
        except Timeout:
            return
        except FileNotFoundError:
            if not is_complete(self.path):  # else: published and tidied away by another process just now
                raise

    def _write(self, facts: Path, part: list[tuple[int, int]], batch_size: int, on_error: OnError) -> None:
        """Vectors first, then the JSON whose presence says that they are whole."""
        done, vectors, kept, reasons, notes = part[0][0], [], [], {}, {}
        for batch in embed_batches(self.hub, self.table, self.spec, part, batch_size=batch_size, on_error=on_error):
            vectors.append(batch.vectors)
            kept += batch.contents
            reasons |= batch.reasons
            notes |= batch.notes
            done += len(batch.contents) + len(batch.reasons)
            self._report(done)
        partial = facts.with_name(f".{facts.stem}.{uuid.uuid4().hex[:8]}.npy")
        np.save(partial, np.concatenate(vectors))
        partial.replace(facts.with_suffix(".npy"))
        write_json(facts, {"kept": kept, "reasons": reasons, "notes": notes})

    def publish(self, names: list[Path], facts: dict[str, Any]) -> None:
        """Join the shards into the artifact."""
        parts = [read_json(name) for name in names]
        kept = [number for part in parts for number in part["kept"]]
        said = {
            name: {number: one for part in parts for number, one in part[name].items()}
            for name in _SAID
            if all(name in part for part in parts)  # shards from before notes were kept leave the cache without, too
        }
        with new_artifact(self.path, KIND, {**facts, "vectors": len(kept), "skipped": len(said["reasons"])}) as partial:
            joined = np.lib.format.open_memmap(
                partial / _VECTORS, mode="w+", dtype=np.float32, shape=(len(kept), self.hub.dim)
            )
            start = 0
            for name, part in zip(names, parts, strict=True):
                joined[start : start + len(part["kept"])] = np.load(name.with_suffix(".npy"))
                start += len(part["kept"])
            joined.flush()
            del joined
            write_json(partial / _ROWS, {"kept": kept, **said})

    def _report(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, len(self.contents.first_rows))

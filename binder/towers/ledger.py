"""The ledger: what training saw, kept beside the weights it shaped. Floor: towers.

Written by the trainer, travels in the checkpoint, read by the evaluator, which derives every
pair's certificate from it. Two files: `ledger.json` for facts, `ledger_items.parquet` for one row
per sample, so that it opens without binder and scales past memory-sized JSON.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from binder.storage import read_json, write_json
from binder.types import Pair

ITEM_COLUMNS = ("role", "id", "group", "modality", "content")
_NULLABLE = ("likenesses", "vectors")  # further columns, absent where they were not computed
Role = Literal["train", "validation"]  # trained on / used to choose the checkpoint


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What one tower saw.

    Attributes:
        modality: the tower's modality.
        edges: (modality, hub modality) pairs joined by its loss.
        hub: the hub's name.
        hub_fingerprint: of the hub it was trained against, transform included.
        table_fingerprints: of the pair tables it was trained and selected on.
        items: columns of equal length, one entry per sample and modality: role, row id, group,
            modality (both sides of each pair), content hash.
        licences: of hub, data and the encoder's first weights, each once, as far as they were declared.
        likenesses: of each item, see `binder.likeness`; None where none is known, or as a whole if none were computed.
        vectors: likeness of each item's hub vector; None for items of the tower's own modality.
        origin: where the encoder's first weights come from (`Tower.origin`); None for random ones.
        sources: what the run declares that those weights were trained on.
    """

    modality: str
    edges: tuple[Pair, ...]
    hub: str
    hub_fingerprint: str
    table_fingerprints: tuple[str, ...]
    items: dict[str, tuple[str, ...]]
    licences: tuple[str, ...] = ()
    likenesses: tuple[str | None, ...] | None = None
    vectors: tuple[str | None, ...] | None = None
    origin: dict[str, Any] | None = None
    sources: tuple[dict[str, Any], ...] = ()

    def seen(self, column: Literal["id", "group", "content"], *, modality: str | None = None) -> frozenset[str]:
        """Values of `column` among the samples of `modality` (of every modality if None)."""
        return frozenset(
            value
            for value, name in zip(self.items[column], self.items["modality"], strict=True)
            if modality is None or name == modality
        )

    def save(self, folder: Path) -> None:
        columns = {name: pa.array(self.items[name], pa.string()) for name in ITEM_COLUMNS}
        for name in _NULLABLE:
            if (values := getattr(self, name)) is not None:
                columns[name] = pa.array(values, pa.string())
        facts = {key: value for key, value in asdict(self).items() if key not in ("items", *_NULLABLE)}
        write_json(folder / "ledger.json", facts)
        pq.write_table(pa.table(columns), folder / "ledger_items.parquet")

    @classmethod
    def load(cls, folder: Path) -> "Ledger":
        facts = read_json(folder / "ledger.json")
        items = pq.read_table(folder / "ledger_items.parquet").to_pydict()
        return cls(
            **{
                **facts,
                "edges": tuple((a, b) for a, b in facts["edges"]),
                "table_fingerprints": tuple(facts["table_fingerprints"]),
                "licences": tuple(facts["licences"]),
                "items": {name: tuple(items[name]) for name in ITEM_COLUMNS},
                "sources": tuple(facts.get("sources", ())),  # absent before 0.2, like the rest
                "origin": facts["origin"] if "origin" in facts else _origin_beside(folder),
                **{name: tuple(items[name]) for name in _NULLABLE if name in items},
            }
        )


def _origin_beside(folder: Path) -> dict[str, Any] | None:
    """What an older checkpoint says of its encoder's first weights, in a file of its own."""
    beside = folder / "tower.json"
    return read_json(beside).get("origin") if beside.is_file() else None

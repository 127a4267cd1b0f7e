"""What a run writes down about a tower: its ledger. Floor: run."""

from collections.abc import Mapping, Sequence

import numpy as np

from binder.config import RunConfig
from binder.data.likenesses import likenesses
from binder.hub import Hub
from binder.likeness import vector_likenesses
from binder.towers import Ledger, Tower
from binder.towers.ledger import ITEM_COLUMNS
from binder.train import Side

_AT_ONCE = 4096  # hub vectors in memory


def build_ledger(config: RunConfig, tower: Tower, hub: Hub, sides: Mapping[str, Side]) -> Ledger:
    """List what a tower saw: both halves of every pair, by role.

    Args:
        config: of the run.
        tower: trained; its origin says under which licence its first weights are.
        hub: as it was used, transform included.
        sides: `train` and, where there is one, `validation`.
    """
    name = tower.spec.name
    anchors = config.towers[name].hub_modalities
    licences = (hub.licence, config.data.licence, (tower.origin or {}).get("licence"))
    columns: dict[str, list] = {column: [] for column in (*ITEM_COLUMNS, "likenesses", "vectors")}
    for role, side in sides.items():
        vectors = _vector_likenesses(side, anchors) if config.hub.mode == "cache" and config.data.likenesses else {}
        for modality in (name, *anchors):
            hashes = side.table.content_hashes(modality)
            spec = tower.spec if modality == name else hub.spec(modality)
            alike = likenesses(side.table, spec, side.rows.tolist()) if config.data.likenesses else None
            for place, row in enumerate(side.rows):
                if hashes[row] is not None:
                    values = (role, side.table.ids[row], side.table.groups[row], modality, hashes[row])
                    more = (alike and alike[row], vectors.get(modality, {}).get(place))
                    for column, value in zip(columns, (*values, *more), strict=True):
                        columns[column].append(value)
    return Ledger(
        modality=name,
        edges=tuple((name, anchor) for anchor in anchors),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=tuple(side.table.fingerprint for side in sides.values()),
        items={column: tuple(columns[column]) for column in ITEM_COLUMNS},
        licences=tuple(dict.fromkeys(licence for licence in licences if licence is not None)),
        likenesses=tuple(columns["likenesses"]) if config.data.likenesses else None,
        vectors=tuple(columns["vectors"]) if config.data.likenesses else None,
        origin=tower.origin,
        sources=tuple(one.model_dump(mode="json") for one in config.towers[name].sources),
    )


def _vector_likenesses(side: Side, anchors: Sequence[str]) -> dict[str, dict[int, str]]:
    """Hub modality -> place among the side's rows -> likeness of the vector it was trained against."""
    found: dict[str, dict[int, str]] = {anchor: {} for anchor in anchors}
    for start in range(0, len(side.rows), _AT_ONCE):
        targets, present = side.targets(side.rows[start : start + _AT_ONCE])
        for number, anchor in enumerate(anchors):
            places = np.flatnonzero(present[:, number].numpy())
            alike = vector_likenesses(targets[places, number].numpy())
            found[anchor].update(zip((places + start).tolist(), alike, strict=True))
    return found

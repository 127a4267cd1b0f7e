"""What a run writes down about a tower: its ledger. Floor: run."""

from collections.abc import Mapping

from binder.config import RunConfig
from binder.hub import Hub
from binder.towers import Ledger, Tower
from binder.train import Side


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
    items: dict[str, list[str]] = {column: [] for column in ("role", "id", "group", "modality", "content")}
    for role, side in sides.items():
        for modality in (name, *anchors):
            hashes = side.table.content_hashes(modality)
            for row in side.rows:
                if hashes[row] is not None:
                    values = (role, side.table.ids[row], side.table.groups[row], modality, hashes[row])
                    for column, value in zip(items, values, strict=True):
                        items[column].append(value)
    return Ledger(
        modality=name,
        edges=tuple((name, anchor) for anchor in anchors),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=tuple(side.table.fingerprint for side in sides.values()),
        items={column: tuple(values) for column, values in items.items()},
        licences=tuple(dict.fromkeys(licence for licence in licences if licence is not None)),
    )

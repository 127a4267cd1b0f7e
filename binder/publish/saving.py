"""Writes a space as an artifact: by reference to its hub, or complete and with a card for others. Floor: publish."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binder.evaluate.corrections import Correction
from binder.hub import Hub
from binder.hub.transform import TransformedHub
from binder.publish.card import Card
from binder.publish.corrections import FOLDER
from binder.publish.folders import KIND, pack_hub
from binder.storage import new_artifact, write_json
from binder.towers import TowerCheckpoint, save_tower


def save_space(
    folder: Path,
    hub: Hub,
    hub_options: Mapping[str, Any],
    towers: Mapping[str, TowerCheckpoint],
    *,
    correction: Correction | None = None,
    card: Card | None = None,
) -> None:
    """Write hub.json, the hub's transform, the towers and the correction.

    Args:
        folder: becomes the artifact; complete or absent.
        hub: stored by name and fingerprint.
        hub_options: for its adapter.
        towers: modality -> checkpoint.
        correction: of its vectors and scores.
        card: written beside them; the files of a hub that is a local folder then come along, too.

    Raises:
        ArtifactError: the files of such a hub are gone, or the card's report is of another space.
    """
    with new_artifact(folder, KIND, {"hub_fingerprint": hub.fingerprint, "towers": sorted(towers)}) as partial:
        facts = {
            "name": pack_hub(hub.name, partial) if card else hub.name,
            "options": dict(hub_options),
            "fingerprint": hub.fingerprint,
            "precision": hub.precision,
            "licence": hub.licence,
        }
        write_json(partial / "hub.json", facts)
        if isinstance(hub, TransformedHub):
            hub.transform.save(partial / "hub_transform")
        for name, checkpoint in towers.items():
            save_tower(checkpoint, partial / "towers" / name)
        if correction is not None:
            correction.save(partial / FOLDER)
        if card:
            card.write(partial)

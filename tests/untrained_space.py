"""A space over the playground's hub whose towers never learned, for tests of what is done with vectors."""

from pathlib import Path
from typing import Any

import numpy as np

from binder.hub import Hub, open_hub
from binder.playground import make_playground
from binder.registry import create_modality
from binder.space import Space
from binder.towers import Ledger, TowerCheckpoint, build_tower
from binder.towers.ledger import ITEM_COLUMNS


def untrained_space(*modalities: str, hub: Hub | str = "playground:clip", **options: dict[str, Any]) -> Space:
    """The towers' weights come from seed 0; `options` are those of the modalities."""
    opened = open_hub(hub, precision="float32") if isinstance(hub, str) else hub
    return Space(opened, {name: untrained(opened, name, **options.get(name, {})) for name in modalities})


def untrained(hub: Hub, name: str, **options: Any) -> TowerCheckpoint:
    spec = create_modality(name, **options)
    items = {
        "role": ("train", "train", "validation"),
        "id": ("a", "b", "c"),
        "group": ("g", "g", "h"),
        "modality": (name,) * 3,
        "content": tuple(f"{name} {row}" for row in range(3)),
    }
    assert tuple(items) == ITEM_COLUMNS
    ledger = Ledger(
        modality=name,
        edges=((name, hub.native[0]),),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=("0123456789abcdef",),
        items=items,
        licences=("data: cc-by-4.0",),
    )
    tower = build_tower(spec, hub.dim, seed=0).eval()
    return TowerCheckpoint(
        tower=tower, ledger=ledger, encoder={}, head="linear", seed=0, centre=np.zeros(hub.dim, np.float32)
    )


def synthetic(name: str, count: int) -> list[Any]:
    """Samples of a modality, no two alike."""
    return [create_modality(name).synthetic(seed) for seed in range(count)]


def small_world(folder: Path) -> Path:
    """The pair table of a few scenes."""
    return make_playground(folder / "scenes", seed=5, train=40, validation=4, test=4, workers=1)

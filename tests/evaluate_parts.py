"""Small parts from which the evaluation tests build spaces: vectors, rows, ledgers."""

import numpy as np

from binder.evaluate import EncodedModality, Rows
from binder.towers.ledger import ITEM_COLUMNS, Ledger


def unit(vectors) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def encode(name, vectors, *, content=None, native=False, rows=None, untrained=None, centre=None) -> EncodedModality:
    num = len(vectors)
    return EncodedModality(
        name=name,
        vectors=unit(vectors),
        rows=np.arange(num) if rows is None else np.asarray(rows, np.int64),
        content=tuple(content or (f"{name}:{i}" for i in range(num))),
        native=native,
        untrained=None if untrained is None else unit(untrained),
        centre=centre,
    )


def make_rows(num, *, groups=None, **attributes) -> Rows:
    ids = [f"r{i}" for i in range(num)]
    return Rows(ids=ids, groups=list(groups or ids), attributes=attributes)


def make_ledger(modality, *, partner="text", items=(), hub_fingerprint="hub-1", edges=None) -> Ledger:
    """Items are (role, id, group, modality, content)."""
    columns = tuple(zip(*items, strict=True)) if items else ((),) * len(ITEM_COLUMNS)
    return Ledger(
        modality=modality,
        edges=((modality, partner),) if edges is None else edges,
        hub="test hub",
        hub_fingerprint=hub_fingerprint,
        table_fingerprints=("table-1",),
        items=dict(zip(ITEM_COLUMNS, columns, strict=True)),
    )


def class_space(num=240, classes=8, dim=32, *, noise=0.6, seed=0, groups=40):
    """Text (one caption per class) and image native; imu and depth towers; all know the class, each with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=num)
    prototypes = rng.normal(size=(classes, dim))

    def tower(name, **options):
        vectors = prototypes[labels] + noise * rng.normal(size=(num, dim))
        centre = unit(vectors).mean(axis=0)
        return encode(name, vectors, centre=centre, **options)

    encoded = {
        "text": encode(
            "text", prototypes[labels], content=[f"caption {k}" for k in labels], native=True,
            centre=unit(prototypes).mean(axis=0),
        ),
        "image": tower("image", native=True),
        "imu": tower("imu", untrained=rng.normal(size=(num, dim))),
        "depth": tower("depth", untrained=rng.normal(size=(num, dim))),
    }  # fmt: skip
    rows = make_rows(num, groups=[f"g{i % groups}" for i in range(num)], label=[f"class {k}" for k in labels])
    ledgers = {name: make_ledger(name, partner="image") for name in ("imu", "depth")}
    return encoded, rows, ledgers

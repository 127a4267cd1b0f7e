"""A flat map of the space: where the items of every modality lie. For the report; called by `binder.evaluate.runner`.

Principal components by scikit-learn always; UMAP beside them where `umap-learn` is installed. A map shows what two
dimensions can: how much of the variance that is stands with it.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from sklearn.decomposition import PCA

from binder.evaluate.items import Items

_MOST = 300  # items of a modality on the map
_NEIGHBOURS = 15  # of UMAP, its default


@dataclass(frozen=True, kw_only=True)
class Place:
    """An item on the map.

    Attributes:
        modality: whose item.
        row: of the evaluation table, the first that shows the item.
        x: to the right.
        y: up.
    """

    modality: str
    row: int
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class SpaceMap:
    """Items in two dimensions.

    Attributes:
        method: `PCA` or `UMAP`, and on what.
        share: of the variance that the map shows, 0 to 1; None for UMAP, which has no such number.
        places: of all items drawn.
    """

    method: str
    share: float | None
    places: tuple[Place, ...]


def space_maps(modalities: Sequence[Items], *, seed: int) -> tuple[SpaceMap, ...]:
    """Maps of up to 300 seeded items of each modality: as they are, and with each modality centred on the map's items.

    The second takes the gap between modalities away, so that what they share can be seen; it is a picture, no score.
    """
    rng = np.random.default_rng(seed)
    chosen = [np.sort(rng.permutation(len(items))[:_MOST]) for items in modalities]
    parts = [items.vectors[picked] for items, picked in zip(modalities, chosen, strict=True)]
    rows = [
        (items.name, int(items.first_row[i])) for items, picked in zip(modalities, chosen, strict=True) for i in picked
    ]
    if len(rows) < 3:
        return ()
    maps = []
    for vectors, how in (
        (np.concatenate(parts), "raw vectors"),
        (np.concatenate([part - part.mean(axis=0) for part in parts]), "each modality centred"),
    ):
        maps.append(_principal(vectors, rows, how, seed))
        if importlib.util.find_spec("umap") is not None:
            maps.append(_umap(vectors, rows, how, seed))
    return tuple(maps)


def _principal(vectors: Float32[np.ndarray, "item dim"], rows: list[tuple[str, int]], how: str, seed: int) -> SpaceMap:
    if np.ptp(vectors, axis=0).max() < 1e-6:  # a collapsed space has no directions
        return _map(f"PCA, {how}", np.zeros((len(vectors), 2)), rows, share=0.0)
    model = PCA(2, random_state=seed)
    flat = model.fit_transform(vectors)
    return _map(f"PCA, {how}", flat, rows, share=float(model.explained_variance_ratio_.sum()))


def _umap(vectors: Float32[np.ndarray, "item dim"], rows: list[tuple[str, int]], how: str, seed: int) -> SpaceMap:
    from umap import UMAP  # pyright: ignore[reportMissingImports]  # optional

    neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    model = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
    return _map(f"UMAP, {how}", np.asarray(model.fit_transform(vectors)), rows)


def _map(method: str, flat: np.ndarray, rows: list[tuple[str, int]], *, share: float | None = None) -> SpaceMap:
    places = (
        Place(modality=name, row=row, x=float(x), y=float(y)) for (name, row), (x, y) in zip(rows, flat, strict=True)
    )
    return SpaceMap(method=method, share=share, places=tuple(places))

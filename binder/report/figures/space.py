"""A map of the space in two dimensions. Floor: report."""

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from sklearn.decomposition import PCA

from binder.errors import ConfigError, MetricError
from binder.report.figures.look import COLOURS, SYMBOLS, Figure, figure, plain

MOST_ITEMS, MOST_LABELS = 2000, 12  # points that a page draws smoothly; labels that a legend tells apart
OTHER = "other labels"


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """Where items lie on a map.

    Attributes:
        places: (item, 2).
        axes: what the two axes are.
    """

    places: Float[np.ndarray, "item 2"]
    axes: tuple[str, str]


def plane_of(
    vectors: Float[np.ndarray, "item dim"], *, method: Literal["pca", "umap"] | None = None, seed: int = 0
) -> Plane:
    """Lay vectors of all modalities into one plane.

    Args:
        vectors: unit vectors, at least three.
        method: `pca` (the axes of largest variance, and how much they hold) or `umap` [1] by cosine; None takes UMAP
            where umap-learn is installed.
        seed: of UMAP.

    [1] L. McInnes, J. Healy, J. Melville, 2018, UMAP, https://arxiv.org/abs/1802.03426

    Raises:
        MetricError: fewer than three vectors, or one that is not finite.
        ConfigError: UMAP is asked for and not installed.
    """
    if len(vectors) < 3 or vectors.shape[1] < 2 or not np.isfinite(vectors).all():
        raise MetricError.explain("no map of these vectors", got=vectors.shape, expected="three or more, all finite")
    installed = importlib.util.find_spec("umap") is not None
    if method == "umap" and not installed:
        raise ConfigError.explain("a map by UMAP", got="umap-learn is not installed", fix="pip install umap-learn")
    if method == "pca" or not installed:
        with np.errstate(invalid="ignore"):  # vectors that are all one have no variance to share out
            pca = PCA(n_components=2, svd_solver="full").fit(vectors)
        shares = [f"{share:.0%}" for share in np.nan_to_num(pca.explained_variance_ratio_)]
        axes = (f"axis 1 ({shares[0]} of the variance)", f"axis 2 ({shares[1]})")
        return Plane(places=pca.transform(vectors), axes=axes)
    from umap import UMAP  # pyright: ignore[reportMissingImports]

    neighbours = min(15, len(vectors) - 1)
    places = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1).fit_transform(vectors)
    return Plane(places=np.asarray(places, dtype=np.float64), axes=("UMAP 1", "UMAP 2"))


def space_map(
    plane: Plane, *, modalities: Sequence[str], labels: Sequence[str], names: Sequence[str] | None = None
) -> Figure:
    """Every item as a point: coloured by modality or, at the press of a button, by label; symbols tell the modality.

    A click in the legend hides a group, a double click shows it alone. Of more than 2,000 items a random choice is
    drawn (always the same), and said; labels beyond the twelve commonest share a group.

    Args:
        plane: of `plane_of`.
        modalities: of each item.
        labels: of each item.
        names: of each item, for hovering; their numbers where None.

    Raises:
        MetricError: lists of another length than the items.
    """
    count = len(plane.places)
    names = names if names is not None else [str(number) for number in range(count)]
    if {len(modalities), len(labels), len(names)} != {count}:
        got = f"{count} items, {len(modalities)} modalities, {len(labels)} labels, {len(names)} names"
        raise MetricError.explain("lists of different length", got=got, expected="one entry an item")
    chosen = np.sort(np.random.default_rng(0).permutation(count)[:MOST_ITEMS])
    senses = list(dict.fromkeys(modalities))
    symbols = [SYMBOLS[senses.index(sense) % len(SYMBOLS)] for sense in modalities]
    hover = [
        f"{plain(name)}<br>{plain(sense)}: {plain(label)}"
        for name, sense, label in zip(names, modalities, labels, strict=True)
    ]
    by_modality = _groups(plane, chosen, modalities, senses, symbols, hover)
    common = [label for label, _ in Counter(labels).most_common(MOST_LABELS)]
    grouped = [label if label in common else OTHER for label in labels]
    by_label = _groups(plane, chosen, grouped, [*common, OTHER], symbols, hover)
    for trace in by_label:
        trace.visible = False
    left_out = f"{len(chosen):,} of {count:,} items" if len(chosen) < count else f"{count:,} items"
    return figure(
        [*by_modality, *by_label],
        height=560,
        hovermode="closest",
        title={"text": left_out, "font": {"size": 12}},
        xaxis={"title": {"text": plane.axes[0]}, "zeroline": False},
        yaxis={"title": {"text": plane.axes[1]}, "zeroline": False, "scaleanchor": "x"},
        updatemenus=[_buttons(len(by_modality), len(by_label))],
    )


def _groups(
    plane: Plane,
    chosen: np.ndarray,
    groups: Sequence[str],
    order: Sequence[str],
    symbols: Sequence[str],
    hover: Sequence[str],
) -> list[go.Scatter]:
    traces = []
    for group in order:
        rows = [int(row) for row in chosen if groups[row] == group]
        if not rows:
            continue
        marker = {"symbol": [symbols[row] for row in rows], "color": COLOURS[len(traces) % len(COLOURS)], "size": 7}
        x, y = plane.places[rows].round(4).T
        text = [hover[row] for row in rows]
        shown = {"mode": "markers", "hovertemplate": "%{text}<extra></extra>", "opacity": 0.8}
        traces.append(go.Scatter(name=plain(group), x=x, y=y, text=text, marker=marker, **shown))
    return traces


def _buttons(num_modalities: int, num_labels: int) -> dict:
    first = [True] * num_modalities + [False] * num_labels
    choices = (("by modality", first), ("by label", [not visible for visible in first]))
    buttons = [{"label": text, "method": "restyle", "args": [{"visible": shown}]} for text, shown in choices]
    return {
        "type": "buttons",
        "direction": "right",
        "x": 1,
        "xanchor": "right",
        "y": 1.08,
        "showactive": False,
        "buttons": buttons,
    }

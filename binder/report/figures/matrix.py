"""Heat maps: the certified matrix, the gaps between modalities, the hubness of galleries. Floor: report."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.report.figures.look import Figure, Measured, figure, interval_text, plain

CELL, MARGINS = 64, 180  # pixels
_BAR = {"orientation": "h", "thickness": 12, "y": 0, "yanchor": "top", "ypad": 12}  # below: phones are narrow


def heat_map(
    scores: Measured,
    *,
    queries: Sequence[str],
    galleries: Sequence[str],
    chance: Float[np.ndarray, "query gallery"],
    verdicts: Sequence[Sequence[str]],
    metric: str,
) -> Figure:
    """One score for every direction, from 0 to 1, its verdict below it; intervals and chance on hover.

    A cell whose interval reaches down to chance is marked "~ chance", one without a value is empty.

    Args:
        scores: (query, gallery).
        queries: names of the rows.
        galleries: names of the columns.
        chance: what chance would score, of the same shape.
        verdicts: of the certificate, row by row; may be empty text.
        metric: name of the score.
    """
    shown, hover = [], []
    for row, row_verdicts in enumerate(verdicts):
        cells = [
            (float(scores.values[row, at]), float(scores.low[row, at]), float(scores.high[row, at]))
            for at in range(len(galleries))
        ]
        levels = [float(level) for level in chance[row]]
        shown.append(list(map(_cell_text, cells, levels, map(plain, row_verdicts))))
        hover.append(
            [f"{interval_text(*cell)}<br>chance {level:.3f}" for cell, level in zip(cells, levels, strict=True)]
        )
    trace = go.Heatmap(
        z=_nothing_for_nan(scores.values),
        x=[plain(name) for name in galleries],
        y=[plain(name) for name in queries],
        text=shown,
        customdata=hover,
        texttemplate="%{text}",
        hovertemplate=f"%{{y}} → %{{x}}<br>{plain(metric)} %{{customdata}}<extra></extra>",
        colorscale="Viridis",
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorbar=_bar_with_chance(chance, metric),
    )
    return figure([trace], **_square(len(queries), "gallery", "query"))


def gap_map(
    distances: Float[np.ndarray, "modality modality"],
    separability: Float[np.ndarray, "modality modality"],
    *,
    modalities: Sequence[str],
) -> Figure:
    """How far apart modalities lie: distances of their centroids, 0 to 2, and how well they are told apart on hover.

    Args:
        distances: `binder.metrics.centroid_distance` of each two; NaN where there is none.
        separability: `binder.metrics.separability` (ROC AUC) of each two; NaN where there is none.
        modalities: names of both axes.
    """
    names = [plain(name) for name in modalities]
    trace = go.Heatmap(
        z=_nothing_for_nan(distances),
        x=names,
        y=names,
        customdata=np.round(separability, 3),
        texttemplate="%{z:.2f}",
        hovertemplate="%{y}, %{x}<br>centroids %{z:.3f} apart<br>told apart: AUC %{customdata}<extra></extra>",
        colorscale="Cividis",
        zmin=0,
        zmax=max(0.1, float(np.nanmax(distances, initial=0.0))),
        xgap=2,
        ygap=2,
        colorbar={**_BAR, "title": {"text": "distance", "side": "top"}},
    )
    return figure([trace], **_square(len(names), "", ""))


def hubness_map(
    never: Float[np.ndarray, "query gallery"],
    skewness: Float[np.ndarray, "query gallery"],
    *,
    modalities: Sequence[str],
) -> Figure:
    """Which galleries have hubs: the share of each that no query lists, 0 to 1, and the skewness on hover.

    Args:
        never: `binder.metrics.Hubness.never` of every direction; NaN where there is none.
        skewness: of the k-occurrence; NaN where there is none.
        modalities: names of both axes.
    """
    names = [plain(name) for name in modalities]
    trace = go.Heatmap(
        z=_nothing_for_nan(never),
        x=names,
        y=names,
        customdata=np.round(skewness, 2),
        texttemplate="%{z:.0%}",
        hovertemplate="%{y} → %{x}<br>%{z:.1%} never retrieved<br>skewness %{customdata}<extra></extra>",
        colorscale="Cividis",
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorbar={**_BAR, "title": {"text": "never retrieved", "side": "top"}, "tickformat": ".0%"},
    )
    return figure([trace], **_square(len(names), "gallery", "query"))


def _cell_text(cell: tuple[float, float, float], chance: float, verdict: str) -> str:
    value, low, high = cell
    if np.isnan(value):
        return ""
    near = low <= chance <= high  # False where there is no interval
    return "<br>".join([f"{value:.2f}", *([verdict] if verdict else []), *(["~ chance"] if near else [])])


def _bar_with_chance(chance: Float[np.ndarray, "query gallery"], metric: str) -> dict:
    mean = float(np.nanmean(chance)) if np.isfinite(chance).any() else 0.0
    ticks = [tick for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0) if abs(tick - mean) > 0.15]
    return {
        **_BAR,
        "title": {"text": plain(metric), "side": "top"},
        "tickvals": [mean, *ticks],
        "ticktext": [f"chance {mean:.2g}", *(f"{tick:g}" for tick in ticks)],
    }


def _square(rows: int, across: str, down: str) -> dict:
    return {
        "height": CELL * rows + MARGINS,
        "xaxis": {"title": {"text": across}, "side": "top", "showgrid": False, "type": "category"},
        "yaxis": {"title": {"text": down}, "autorange": "reversed", "showgrid": False, "type": "category"},
        "margin": {"l": 110, "r": 20, "t": 90, "b": 90},
    }


def _nothing_for_nan(values: np.ndarray) -> list[list[float | None]]:
    """JSON knows no NaN, and plotly leaves None out."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]

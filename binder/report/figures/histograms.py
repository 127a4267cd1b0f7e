"""Histograms of scores from bins that the evaluation counted: a page holds no million scores. Floor: report."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.errors import MetricError
from binder.report.figures.look import COLOURS, Figure, figure


def score_bars(
    edges: Float[np.ndarray, " edge"],
    matching: Float[np.ndarray, " bin"],
    other: Float[np.ndarray, " bin"],
    *,
    threshold: float | None = None,
) -> Figure:
    """How scores of matching and of other pairs are spread, each as shares of its own kind, and the threshold.

    Args:
        edges: of the bins, one more than there are bins; cosines.
        matching: share of the pairs that belong together, by bin.
        other: share of the pairs that don't.
        threshold: below it nothing is called a match; None where there is none.

    Raises:
        MetricError: edges that do not fit the bins.
    """
    if not len(edges) == len(matching) + 1 == len(other) + 1:
        got = f"{len(edges)} edges, {len(matching)} and {len(other)} bins"
        raise MetricError.explain("no histogram of these", got=got, expected="one edge more than bins")
    kinds = (("matching", matching, COLOURS[0]), ("not matching", other, COLOURS[1]))
    marks = {} if threshold is None else _mark(threshold, f"no match below {threshold:.3f}")
    return figure(
        [_bars(name, shares, edges, colour) for name, shares, colour in kinds],
        barmode="overlay",
        bargap=0,
        legend={"orientation": "h", "y": -0.25},
        xaxis={"title": {"text": "cosine"}},
        yaxis={"title": {"text": "share"}, "tickformat": ".0%"},
        **marks,
    )


def _bars(name: str, shares: np.ndarray, edges: np.ndarray, colour: str) -> go.Bar:
    return go.Bar(
        name=name,
        x=((edges[:-1] + edges[1:]) / 2).round(4),
        y=shares,
        width=float(edges[1] - edges[0]),
        marker={"color": colour},
        opacity=0.7,
        hovertemplate=f"{name}<br>%{{x:.3g}}: %{{y:.1%}}<extra></extra>",
    )


def _mark(place: float, text: str) -> dict:
    line = {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash"}}
    note = {"x": place, "yref": "paper", "y": 1, "yanchor": "bottom", "text": text, "showarrow": False}
    return {"shapes": [line], "annotations": [note]}

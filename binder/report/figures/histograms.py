"""Histograms, counted here so that a page holds bars and not a million scores. Floor: report."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from binder.errors import MetricError
from binder.report.figures.look import COLOURS, Figure, figure

BINS = 60


def score_histogram(
    matching: Float[np.ndarray, " match"], other: Float[np.ndarray, " other"], *, threshold: float | None = None
) -> Figure:
    """How scores of matching and of other pairs are spread, each as shares of its own kind, and the threshold.

    Args:
        matching: cosines of pairs that belong together.
        other: cosines of pairs that don't.
        threshold: below it nothing is called a match; None where there is none.

    Raises:
        MetricError: no score on either side, or one that is no number.
    """
    both = np.concatenate([matching, other])
    if not len(matching) or not len(other) or not np.isfinite(both).all():
        got = f"{len(matching)} matching, {len(other)} other, {np.count_nonzero(~np.isfinite(both))} not finite"
        raise MetricError.explain("scores that cannot be counted", got=got, expected="some of each, all finite")
    edges = np.histogram_bin_edges(both, bins=BINS)
    bars = [
        _bars(name, scores, edges, colour)
        for name, scores, colour in (("matching", matching, COLOURS[0]), ("not matching", other, COLOURS[1]))
    ]
    marks = {} if threshold is None else _mark(threshold, f"no match below {threshold:.3f}")
    return figure(
        bars,
        barmode="overlay",
        bargap=0,
        xaxis={"title": {"text": "cosine"}},
        yaxis={"title": {"text": "share"}, "tickformat": ".0%"},
        **marks,
    )


def hubness_histogram(counts: Int[np.ndarray, " item"], *, k: int) -> Figure:
    """How often items stand among the k nearest of a query; the mean, and the share that never does.

    Args:
        counts: k-occurrence of every gallery item.
        k: of the lists.

    Raises:
        MetricError: no item.
    """
    if not len(counts):
        raise MetricError.explain("no k-occurrence", got="0 items", expected="one number for each gallery item")
    edges = np.histogram_bin_edges(counts, bins=min(BINS, int(counts.max()) + 1), range=(-0.5, counts.max() + 0.5))
    never, mean = float((counts == 0).mean()), float(counts.mean())
    return figure(
        [_bars("items", counts, edges, COLOURS[0])],
        bargap=0,
        showlegend=False,
        xaxis={"title": {"text": f"times among the {k} nearest"}},
        yaxis={"title": {"text": "share of items"}, "tickformat": ".0%"},
        **_mark(mean, f"mean {mean:.3g}; {never:.0%} never"),
    )


def _bars(name: str, values: np.ndarray, edges: np.ndarray, colour: str) -> go.Bar:
    shares = np.histogram(values, bins=edges)[0] / len(values)
    return go.Bar(
        name=name,
        x=(edges[:-1] + edges[1:]) / 2,
        y=shares,
        width=np.diff(edges),
        marker={"color": colour},
        opacity=0.7,
        hovertemplate=f"{name}<br>%{{x:.3g}}: %{{y:.1%}}<extra></extra>",
    )


def _mark(place: float, text: str) -> dict:
    line = {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash"}}
    note = {"x": place, "yref": "paper", "y": 1, "yanchor": "bottom", "text": text, "showarrow": False}
    return {"shapes": [line], "annotations": [note]}

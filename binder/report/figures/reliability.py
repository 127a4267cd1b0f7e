"""Reliability: probabilities said against shares that came true. Floor: report."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.report.figures.look import CHANCE, COLOURS, Figure, figure


def reliability(said: Float[np.ndarray, " bin"], seen: Float[np.ndarray, " bin"]) -> Figure:
    """One point a bin; on the diagonal what was said came true.

    Args:
        said: mean probability of each bin, 0 to 1.
        seen: share of it that matched, 0 to 1.
    """
    points = go.Scatter(
        name="bins of equal size",
        x=np.round(said, 4),
        y=np.round(seen, 4),
        mode="lines+markers",
        line={"color": COLOURS[0]},
        hovertemplate="said %{x:.2f}<br>matched %{y:.2f}<extra></extra>",
    )
    diagonal = go.Scatter(name="said = true", x=[0, 1], y=[0, 1], mode="lines", line=CHANCE, hoverinfo="skip")
    return figure(
        [points, diagonal],
        xaxis={"title": {"text": "probability said"}, "range": [0, 1]},
        yaxis={"title": {"text": "share that matched"}, "range": [0, 1.02]},
    )

"""Learning curves: the score against the number of hub pairs, and how it may go on. Floor: report."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.report.figures.look import CHANCE, COLOURS, Figure, Measured, figure, plain


def learning_curve(
    sizes: Float[np.ndarray, " step"],
    scores: Measured,
    *,
    metric: str,
    chance: float,
    forecast: tuple[Float[np.ndarray, " later"], Measured] | None = None,
) -> Figure:
    """Measured points with their intervals, chance, and the forecast as a line in its band; the axis is logarithmic.

    Args:
        sizes: hub pairs trained on.
        scores: at these sizes.
        metric: name of the score.
        chance: what chance would score.
        forecast: sizes and scores of a fitted curve.
    """
    points = go.Scatter(
        name="measured",
        x=sizes,
        y=scores.values,
        error_y=scores.error_bars,
        mode="markers",
        marker={"color": COLOURS[0], "size": 8},
        hovertemplate="%{x:,} pairs<br>%{y:.3f}<extra></extra>",
    )
    last = float(max(sizes.max(), forecast[0].max() if forecast else 0.0))
    level = go.Scatter(name="chance", x=[float(sizes.min()), last], y=[chance, chance], mode="lines", line=CHANCE)
    return figure(
        [*(_band(*forecast) if forecast else []), points, level],
        xaxis={"title": {"text": "hub pairs"}, "type": "log"},
        yaxis={"title": {"text": plain(metric)}, "rangemode": "tozero"},
    )


def _band(sizes: Float[np.ndarray, " later"], scores: Measured) -> list[go.Scatter]:
    around = go.Scatter(
        name="95 % of the forecast",
        x=np.concatenate([sizes, sizes[::-1]]),
        y=np.concatenate([scores.high, scores.low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor="rgba(68,119,170,0.2)",
        line={"width": 0},
        hoverinfo="skip",
    )
    middle = go.Scatter(
        name="forecast",
        x=sizes,
        y=scores.values,
        mode="lines",
        line={"color": COLOURS[0], "dash": "dot"},
        hovertemplate="%{x:,.0f} pairs<br>%{y:.3f} foreseen<extra></extra>",
    )
    return [around, middle]

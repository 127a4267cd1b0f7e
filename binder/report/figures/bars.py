"""Bars: what a cell is made of. Floor: report."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.report.figures.look import CHANCE, COLOURS, Figure, Measured, figure, interval_text, plain


def decomposition_bars(
    parts: Mapping[str, Measured], *, pairs: Sequence[str], chance: Float[np.ndarray, " pair"], metric: str
) -> Figure:
    """Bars side by side for each pair: its two legs, what they promise, what was reached; with intervals.

    Args:
        parts: name ("a to hub", "hub to c", "their product", "reached") -> values by pair.
        pairs: names of the pairs.
        chance: of each pair, drawn as a dashed step.
        metric: name of the score.
    """
    names = [plain(pair) for pair in pairs]
    bars = [
        go.Bar(
            name=plain(part),
            x=names,
            y=measured.values,
            error_y=measured.error_bars,
            marker={"color": COLOURS[place % len(COLOURS)]},
            customdata=_hover(measured),
            hovertemplate=f"{plain(part)}<br>%{{x}}<br>%{{customdata}}<extra></extra>",
        )
        for place, (part, measured) in enumerate(parts.items())
    ]
    line = go.Scatter(name="chance", x=names, y=chance, mode="lines+markers", line={**CHANCE, "shape": "hvh"})
    return figure(
        [*bars, line],
        barmode="group",
        yaxis={"title": {"text": plain(metric)}, "rangemode": "tozero"},
        xaxis={"type": "category"},
    )


def _hover(measured: Measured) -> list[str]:
    return [interval_text(*map(float, each)) for each in zip(measured.values, measured.low, measured.high, strict=True)]

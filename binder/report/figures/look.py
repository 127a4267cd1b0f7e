"""What all charts share: figures as dictionaries, measured values, colours, words. Floor: report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from binder.errors import MetricError

Figure = dict[str, Any]

# P. Tol's bright scheme without its yellow: told apart by the colour-blind, seen on white and on black.
# https://sronpersonalpages.nl/~pault/
COLOURS = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#66CCEE", "#BB9933", "#999999")
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "pentagon", "hexagon")
CHANCE = {"color": "#999999", "dash": "dash", "width": 1.5}


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Values with the bounds of their intervals, arrays of one shape; NaN where there is none.

    Raises:
        MetricError: shapes that differ.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        shapes = [side.shape for side in (self.values, self.low, self.high)]
        if len(set(shapes)) > 1:
            raise MetricError.explain("values and bounds of different shape", got=shapes, expected="one shape")

    @property
    def error_bars(self) -> dict[str, Any]:
        """For plotly; no bar where a bound is missing."""
        above, below = (np.nan_to_num(side) for side in (self.high - self.values, self.values - self.low))
        return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2, "width": 3}


def figure(traces: Sequence[Any], **layout: Any) -> Figure:
    """Traces and layout, checked by plotly, as JSON types; without a template."""
    shared = {"margin": {"l": 60, "r": 20, "t": 70, "b": 50}, "legend": {"orientation": "h", "y": 1.1}}
    drawn = go.Figure(data=list(traces), layout=go.Layout(template=go.layout.Template(), **{**shared, **layout}))
    made = json.loads(str(drawn.to_json()))
    made["layout"].pop("template", None)
    return made


def plain(text: str) -> str:
    """A user's text that plotly shows as it stands."""
    return escape(str(text), quote=False)


def interval_text(value: float, low: float, high: float) -> str:
    """A value and its interval for a hover label."""
    if np.isnan(value):
        return "not measured"
    return f"{value:.3f}" + ("" if np.isnan(low) or np.isnan(high) else f" [{low:.3f}, {high:.3f}]")

"""Draws traces as SVG lines with their axis and unit. Floor: report; `thin` and `line` serve sounds, too."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from binder.display import Traces
from binder.report.media.html import figure, node, range_text

WIDTH, PANEL, GAP = 240, 56, 14  # of the drawing; a gap holds a panel's numbers
MOST_CURVES, MOST_POINTS = 12, 960
COLOURS = 6  # of `media_style`


def draw_traces(traces: Traces, name: str) -> Element:
    """One panel for neighbours of one unit; of many curves the first twelve."""
    values = np.where(np.isfinite(traces.values), traces.values, np.nan)[:, :MOST_CURVES].astype(float)
    count = traces.values.shape[1]
    groups = [list(group) for _, group in groupby(range(values.shape[1]), key=lambda curve: traces.units[curve])]
    axis = _axis(traces)
    panels = [_panel(values, group, row, traces.units[group[0]]) for row, group in enumerate(groups)]
    height = len(groups) * (PANEL + GAP)
    told = f"{count} curves" if count > 1 else "1 curve"
    words = f"{name}: {told} over {axis}, {', '.join(traces.channels[:MOST_CURVES])}"
    drawing = node("svg", *panels, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=words)
    caption: list[Element | str] = [_legend(groups, traces.channels), node("span", axis)]
    if count > MOST_CURVES:
        caption.append(node("span", f"{MOST_CURVES} of {count} curves"))
    return figure("traces", drawing, caption=caption)


def thin(values: Float[np.ndarray, " step"], most: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of at most `most` points that keep every peak: the extremes of even stretches."""
    if len(values) <= most:
        return np.arange(len(values)), values
    edges = np.linspace(0, len(values), most // 2 + 1).astype(int).tolist()
    steps = np.concatenate([_extremes(values, start, stop) for start, stop in pairwise(edges)])
    return steps, values[steps]


def line(across: np.ndarray, down: np.ndarray) -> str:
    """An SVG path through the points, with a gap where one is NaN."""
    parts, pen = [], "M"
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        if y != y:
            pen = "M"
            continue
        parts.append(f"{pen}{x:.4g} {y:.4g}")
        pen = "L"
    return "".join(parts)


def _extremes(values: Float[np.ndarray, " step"], start: int, stop: int) -> np.ndarray:
    """Where the stretch is lowest and highest, in order; its first step where nothing was measured."""
    known = start + np.flatnonzero(np.isfinite(values[start:stop]))
    return (
        np.unique([known[values[known].argmin()], known[values[known].argmax()]]) if known.size else np.array([start])
    )


def _panel(values: np.ndarray, group: Sequence[int], row: int, unit: str) -> Element:
    known = values[:, group][np.isfinite(values[:, group])]
    top = row * (PANEL + GAP) + GAP
    if not known.size:
        return node("g", _label("nothing measured", top))
    low, high = float(known.min()), float(known.max())
    first, last = range_text(low, high, unit)
    paths = []
    for place, curve in enumerate(group):
        steps, levels = thin(values[:, curve], max(20, MOST_POINTS // values.shape[1]))
        across = steps / max(len(values) - 1, 1) * WIDTH
        share = (levels - low) / (high - low) if high > low else levels - levels + 0.5  # NaN stays NaN
        paths.append(node("path", d=line(across, top + (1 - share) * PANEL), class_=f"trace trace-{place % COLOURS}"))
    text = f"{first} to {last}" if low < high else f"{last}, constant"
    return node("g", _label(text, top), *paths)


def _label(text: str, top: int) -> Element:
    return node("text", text, x=0, y=top - 4)


def _axis(traces: Traces) -> str:
    steps = len(traces.values)
    if traces.rate_hz is None:
        return f"{steps:,} steps" if traces.axis == "time" else f"{steps:,} steps of {traces.axis}"
    return f"{steps / traces.rate_hz:,.3g} s"


def _legend(groups: list[list[int]], channels: Sequence[str]) -> Element:
    names = [
        node("span", channels[curve], class_=f"name name-{place % COLOURS}")
        for group in groups
        for place, curve in enumerate(group)
    ]
    return node("span", *names, class_="names")

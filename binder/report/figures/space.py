"""A map of the space in two dimensions. Floor: report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from binder.errors import MetricError
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


def space_map(
    plane: Plane, *, modalities: Sequence[str], labels: Sequence[str] | None, names: Sequence[str] | None = None
) -> Figure:
    """Every item as a point: coloured by modality or, at the press of a button, by label; symbols tell the modality.

    A click in the legend hides a group, a double click shows it alone. Of more than 2,000 items a random choice is
    drawn (always the same), and said; labels beyond the twelve commonest share a group.

    Args:
        plane: of all items.
        modalities: of each item.
        labels: of each item; None where they are not known, and then there is no button.
        names: of each item, for hovering; their numbers where None.

    Raises:
        MetricError: lists of another length than the items.
    """
    count = len(plane.places)
    names = names if names is not None else [str(number) for number in range(count)]
    told = labels if labels is not None else modalities
    if {len(modalities), len(told), len(names)} != {count}:
        got = f"{count} items, {len(modalities)} modalities, {len(told)} labels, {len(names)} names"
        raise MetricError.explain("lists of different length", got=got, expected="one entry an item")
    chosen = np.sort(np.random.default_rng(0).permutation(count)[:MOST_ITEMS])
    senses = list(dict.fromkeys(modalities))
    symbols = [SYMBOLS[senses.index(sense) % len(SYMBOLS)] for sense in modalities]
    known = modalities if labels is None else list(map(": ".join, zip(modalities, labels, strict=True)))
    hover = [f"{plain(name)}<br>{plain(text)}" for name, text in zip(names, known, strict=True)]
    by_modality = _groups(plane, chosen, modalities, senses, symbols, hover)
    by_label = [] if labels is None else _by_label(plane, chosen, labels, symbols, hover)
    left_out = f"{len(chosen):,} of {count:,} items" if len(chosen) < count else f"{count:,} items"
    return figure(
        [*by_modality, *by_label],
        height=560,
        hovermode="closest",
        title={"text": left_out, "font": {"size": 12}, "x": 0.02},
        legend={"orientation": "h", "y": -0.2},
        xaxis={"title": {"text": plane.axes[0]}, "zeroline": False},
        yaxis={"title": {"text": plane.axes[1]}, "zeroline": False, "scaleanchor": "x"},
        updatemenus=[_buttons(len(by_modality), len(by_label))] if by_label else [],
    )


def _by_label(
    plane: Plane, chosen: np.ndarray, labels: Sequence[str], symbols: Sequence[str], hover: Sequence[str]
) -> list[go.Scatter]:
    """Hidden until the button is pressed."""
    common = [label for label, _ in Counter(labels).most_common(MOST_LABELS)]
    grouped = [label if label in common else OTHER for label in labels]
    traces = _groups(plane, chosen, grouped, [*common, OTHER], symbols, hover)
    for trace in traces:
        trace.visible = False
    return traces


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

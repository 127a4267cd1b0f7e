"""Flat maps of the space, by modality and by label. Floor: report."""

from collections import Counter

import numpy as np

from binder.evaluate.projection import SpaceMap
from binder.report.blocks import Chart, Section, Selector, Text
from binder.report.figures import Figure, Plane, space_map
from binder.report.subject import Subject

_READ = (
    "Every point is an item. A click in the legend hides a group, a double click shows it alone. Two dimensions show "
    "little of a space: how much of its variance stands at the axis."
)


def space(subject: Subject) -> Section:
    """One chart with a selector for the map."""
    maps = subject.report.diagnosis.maps
    if not maps:
        return Section(id="space", title="Map of the space")
    column = _label_column(subject)
    by = (
        f" Buttons colour by modality or by label, here {column}."
        if column
        else " Labels are not known without the table."
    )
    chart = Chart(
        title="Where items lie",
        description=f"Scatter plot of items of {len({place.modality for place in maps[0].places})} modalities.",
        figures={str(place): _figure(subject, one, column) for place, one in enumerate(maps)},
        selectors=(Selector(label="map", options=tuple(one.method for one in maps)),),
        least_rem=24,
    )
    return Section(id="space", title="Map of the space", blocks=(Text(text=_READ + by), chart))


def _figure(subject: Subject, one: SpaceMap, column: str | None) -> Figure:
    share = "" if one.share is None else f" (both: {one.share:.0%} of the variance)"
    plane = Plane(places=np.array([(place.x, place.y) for place in one.places]), axes=(f"axis 1{share}", "axis 2"))
    rows, samples = [place.row for place in one.places], subject.samples
    labels = None if column is None or isinstance(samples, str) else [samples.values(column)[row] for row in rows]
    names = [f"row {row}" if isinstance(samples, str) else samples.name(row) for row in rows]
    return space_map(plane, modalities=[place.modality for place in one.places], labels=labels, names=names)


def _label_column(subject: Subject) -> str | None:
    """The table's labels, or else the attribute that most modalities see."""
    if isinstance(subject.samples, str):
        return None
    if subject.samples.table.labels is not None:
        return "label"
    seen = Counter(name for _, columns in sorted(subject.report.facts["rules"][0]["sees"].items()) for name in columns)
    told = [name for name, _ in seen.most_common() if name not in ("id", "group")]
    return told[0] if told else None

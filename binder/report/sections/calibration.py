"""Scores read as probabilities, and how true they came. Floor: report."""

import numpy as np

from binder.report.blocks import Chart, Entry, Section, Selector, Table, Text
from binder.report.figures import reliability
from binder.report.subject import MOST_CHARTS, Subject
from binder.report.words import number, pairs_named, short

_READ = (
    "Match probabilities are learned on validation. A hub pair has validation matches to learn from; an emergent pair "
    "has none by definition, so its model is foreseen from its legs through the hub. Points on the dashed line: what "
    "was said came true. Below the threshold the honest answer is that nothing matches."
)


def calibration(subject: Subject) -> Section:
    """Reliability of every calibrated pair, and its threshold."""
    checked = [(cell, cell.calibration) for cell in subject.diagnosed if cell.calibration is not None]
    if not checked:
        return Section(id="calibration", title="Calibration")
    names = pairs_named([(cell.query, cell.gallery, cell.rule) for cell, _ in checked], subject.rules)
    figures = {
        str(place): reliability(
            np.array([said for said, _, _ in check.bins]), np.array([seen for _, seen, _ in check.bins])
        )
        for place, (_, check) in enumerate(checked[:MOST_CHARTS])
    }
    chart = Chart(
        title="Probability said, and share that matched",
        description="Reliability diagram; the table below has the calibration error.",
        figures=figures,
        selectors=(Selector(label="pair", options=tuple(names[:MOST_CHARTS])),),
    )
    heads = ("query → gallery", "method", "calibration error", "threshold", "matches above", "others above")
    rows = [
        (
            Entry(text=name),
            Entry(text=check.method),
            *map(number, (check.error, check.threshold, check.accepted, check.false_alarms)),
            Entry(text=short(check.source, 120)),
        )
        for name, (_, check) in zip(names, checked, strict=True)
    ]
    table = Table(
        caption="Thresholds, and how well probabilities came true on the evaluated table",
        heads=(*heads, "learned from"),
        rows=tuple(rows),
        filters=True,
        folded=True,
    )
    return Section(id="calibration", title="Calibration", blocks=(Text(text=_READ), chart, table))

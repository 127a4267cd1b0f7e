"""A learning curve: what more hub pairs would give. Floor: report."""

import numpy as np

from binder.evaluate.curves import LearningCurve
from binder.evaluate.scoring import Estimate
from binder.report.blocks import Chart, Entry, Remark, Remarks, Section, Table
from binder.report.figures import Measured, learning_curve
from binder.report.subject import Subject
from binder.report.words import estimated, number

_STEPS, _AHEAD = 40, 4.0  # of the fitted line, up to so many times the largest part


def learning(subject: Subject) -> Section:
    """Measured points, the fitted law with its band, and what it foresees."""
    learned = subject.learned
    if learned is None:
        return Section(id="learning", title="Learning curve")
    curve = learned.curve
    line = np.unique(np.geomspace(min(curve.sizes), _AHEAD * curve.largest, _STEPS).round())
    chart = Chart(
        title=f"{learned.metric}, mean of {learned.name}, against hub pairs trained on",
        description="Points measured on parts of the training rows, and the law fitted to them.",
        figures={
            "": learning_curve(
                np.array(curve.sizes, dtype=np.float64),
                _measured(learned.scores),
                metric=learned.metric,
                chance=curve.chance,
                forecast=(line, _foreseen(curve, line)),
            )
        },
    )
    points = [(size, one, "measured") for size, one in zip(curve.sizes, learned.scores, strict=True)]
    for one in learned.forecasts:
        points.append((one.num_pairs, one.score, "foreseen, far beyond the data" if one.far else "foreseen"))
    rows = [(number(size, ","), estimated(score), Entry(text=told)) for size, score, told in points]
    rows.append((Entry(text="without end"), estimated(curve.ceiling), Entry(text="ceiling of the law")))
    table = Table(
        caption="Scores by number of training rows", heads=("training rows", learned.metric, ""), rows=tuple(rows)
    )
    remarks = tuple(Remark(text=note) for note in (*curve.notes, *learned.notes))
    blocks = (chart, table, *([Remarks(title="Notes", remarks=remarks)] if remarks else []))
    return Section(id="learning", title="Learning curve", blocks=blocks)


def _foreseen(curve: LearningCurve, sizes: np.ndarray) -> Measured:
    return _measured(tuple(curve.forecast(int(size)).score for size in sizes))


def _measured(estimates: tuple[Estimate, ...]) -> Measured:
    rows = [(one.value, one.low, one.high) for one in estimates]
    value, low, high = np.array(rows, dtype=np.float64).T
    return Measured(values=value, low=low, high=high)

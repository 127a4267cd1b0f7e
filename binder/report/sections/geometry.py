"""How modalities lie in the space: gaps, hubness, shapes, scores of matching and other pairs. Floor: report."""

import numpy as np

from binder.evaluate.diagnosis import CellDiagnosis
from binder.report.blocks import Chart, Entry, Section, Selector, Table, Text
from binder.report.figures import gap_map, hubness_map, score_bars
from binder.report.subject import MOST_CHARTS, Subject
from binder.report.words import number, pairs_named, short

_READ = (
    "Gap: distance of the centroids of two modalities, 0 to 2. Never retrieved: share of a gallery that stands in "
    "nobody's first ten; a gallery with hubs has a few items in everybody's list, and the rest in none."
)


def geometry(subject: Subject) -> Section:
    """Maps of gaps and hubness, histograms of scores, tables of shapes and pairs."""
    cells = subject.report.diagnosis.cells
    if not cells:
        return Section(id="geometry", title="Geometry")
    blocks = (Text(text=_READ), _pair_maps(subject), _histograms(subject), _shapes(subject), _pairs(subject))
    return Section(id="geometry", title="Geometry", blocks=tuple(block for block in blocks if block is not None))


def _pair_maps(subject: Subject) -> Chart:
    names = [shape.modality for shape in subject.report.diagnosis.shapes]
    place = {name: number for number, name in enumerate(names)}
    gap, apart, never, skewness = (np.full((len(names), len(names)), np.nan) for _ in range(4))
    for cell in subject.report.diagnosis.cells:
        if cell.rule == subject.rules[0]:  # gap and separability hardly depend on it
            at, own = (place[cell.query], place[cell.gallery]), cell.geometry
            gap[at], apart[at] = own.gap, np.nan if own.separability is None else own.separability
            never[at], skewness[at] = own.hubness.never, own.hubness.skewness
    shown = [short(name, 24) for name in names]
    figures = {"0": gap_map(gap, apart, modalities=shown), "1": hubness_map(never, skewness, modalities=shown)}
    return Chart(
        title="Pairs of modalities",
        description="Heat map of gaps or hubness; the table of pairs below has its numbers.",
        figures=figures,
        selectors=(Selector(label="show", options=("gap between centroids", "share never retrieved")),),
        least_rem=9 + 4 * len(names),
    )


def _histograms(subject: Subject) -> Chart | None:
    counted = [cell for cell in subject.diagnosed if cell.geometry.histogram is not None][:MOST_CHARTS]
    if not counted:
        return None
    names = pairs_named([(cell.query, cell.gallery, cell.rule) for cell in counted], subject.rules)
    return Chart(
        title="Scores of matching and of other pairs",
        description="Histograms of cosines; where they overlap, matches cannot be told.",
        figures={str(place): _bars(cell) for place, cell in enumerate(counted)},
        selectors=(Selector(label="pair", options=tuple(names)),),
    )


def _bars(cell: CellDiagnosis) -> dict:
    histogram = cell.geometry.histogram
    assert histogram is not None, "chosen so"
    threshold = cell.calibration.threshold if cell.calibration else None
    matching, other = np.array(histogram.matching).round(5), np.array(histogram.other).round(5)
    return score_bars(np.array(histogram.edges).round(5), matching, other, threshold=threshold)


def _shapes(subject: Subject) -> Table:
    heads = ("modality", "embedded by", "items", "uniformity", "effective rank", "effective dimension")
    rows = [
        (
            Entry(text=short(one.modality)),
            Entry(text="hub" if one.native else "tower"),
            number(one.num_items, ","),
            number(one.uniformity, ".2f"),
            number(one.effective_rank, ".1f"),
            number(one.effective_dimension, ".1f"),
        )
        for one in subject.report.diagnosis.shapes
    ]
    return Table(caption="How the vectors of each modality are spread", heads=heads, rows=tuple(rows))


def _pairs(subject: Subject) -> Table:
    cells = subject.diagnosed
    names = pairs_named([(cell.query, cell.gallery, cell.rule) for cell in cells], subject.rules)
    heads = ("query → gallery", "gap", "separability", "alignment", "excess of a match", "spread of others")
    rows = []
    for name, cell in zip(names, cells, strict=True):
        own = cell.geometry
        values = (own.gap, own.separability, own.alignment, own.excess, own.spread)
        hubs = (own.hubness.skewness, own.hubness.never, own.hubness.largest)
        rows.append((Entry(text=name), *map(number, values), *map(number, hubs)))
    return Table(
        caption="How two modalities lie to each other",
        heads=(*heads, "hubness skewness", "never retrieved", "most listed item"),
        rows=tuple(rows),
        filters=True,
        folded=True,
    )

"""Charts of a report as plotly's JSON, made from plain arrays, and how a page holds them. Floor: report.

Needs `pip install "hub-binder[report]"`. Every function gives a dictionary {"data", "layout"} without colours of text
or ground: the page's script takes those from the page, light or dark. Names of users are escaped, because plotly reads
markup in them.
"""

from binder.report.figures.bars import decomposition_bars
from binder.report.figures.embed import chart, chart_scripts
from binder.report.figures.forecast import learning_curve
from binder.report.figures.histograms import hubness_histogram, score_histogram
from binder.report.figures.look import Figure, Measured
from binder.report.figures.matrix import gap_map, heat_map
from binder.report.figures.space import Plane, plane_of, space_map

__all__ = [
    "Figure",
    "Measured",
    "Plane",
    "chart",
    "chart_scripts",
    "decomposition_bars",
    "gap_map",
    "heat_map",
    "hubness_histogram",
    "learning_curve",
    "plane_of",
    "score_histogram",
    "space_map",
]

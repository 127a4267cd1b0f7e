"""Charts of a report as plotly's JSON, made from plain arrays, and how a page holds them. Floor: report.

Needs `pip install "hub-binder[report]"`. Every function gives a dictionary {"data", "layout"} without colours of text
or ground: the page's script takes those from the page, light or dark. Names of users are escaped, because plotly reads
markup in them.
"""

from binder.report.figures.bars import decomposition_bars
from binder.report.figures.embed import chart, chart_scripts
from binder.report.figures.forecast import learning_curve
from binder.report.figures.histograms import score_bars
from binder.report.figures.look import Figure, Measured
from binder.report.figures.matrix import gap_map, heat_map, hubness_map
from binder.report.figures.reliability import reliability
from binder.report.figures.space import Plane, space_map

__all__ = [
    "Figure",
    "Measured",
    "Plane",
    "chart",
    "chart_scripts",
    "decomposition_bars",
    "gap_map",
    "heat_map",
    "hubness_map",
    "learning_curve",
    "reliability",
    "score_bars",
    "space_map",
]

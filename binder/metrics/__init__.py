"""Metrics as pure functions of matrices: similarity, relevance, values and groups. Floor: metrics.

Called by the trainer's validation and by `binder.evaluate`; knows neither models nor tables.
`ranking` scores, `chance` says what blind guessing would score, `bootstrap` says how sure we are,
`shared` foresees from one tower whether others will find it, `composition` from two legs what they give together.
`geometry` and `hubness` describe where vectors lie, `calibration` turns scores into probabilities.
"""

from binder.metrics.bootstrap import (
    CONFIDENCE,
    Interval,
    cluster_bootstrap,
    cluster_means,
    group_weights,
    percentile_interval,
)
from binder.metrics.calibration import MatchModel, calibration_error, fit_match, foresee_match
from binder.metrics.chance import chance_metrics, median_best_rank, pool_chance
from binder.metrics.composition import expected_hit, hub_spread, product_excess
from binder.metrics.counting import TOLERANCE
from binder.metrics.geometry import (
    alignment,
    centroid_distance,
    effective_dimension,
    effective_rank,
    separability,
    uniformity,
)
from binder.metrics.graded import NDCG
from binder.metrics.hubness import Hubness, hubness
from binder.metrics.pools import check_pools, pool_metrics
from binder.metrics.ranking import (
    cutoffs_within,
    rank_both,
    rank_metrics,
    rank_vectors,
    rows_per_block,
    similarity_blocks,
)
from binder.metrics.relevant import Layer, Relevance, incidence
from binder.metrics.shared import SOUND, shared_score
from binder.metrics.table import CUTOFFS, RankTable

__all__ = [
    "CONFIDENCE",
    "CUTOFFS",
    "NDCG",
    "SOUND",
    "TOLERANCE",
    "Hubness",
    "Interval",
    "Layer",
    "MatchModel",
    "RankTable",
    "Relevance",
    "alignment",
    "calibration_error",
    "centroid_distance",
    "chance_metrics",
    "check_pools",
    "cluster_bootstrap",
    "cluster_means",
    "cutoffs_within",
    "effective_dimension",
    "effective_rank",
    "expected_hit",
    "fit_match",
    "foresee_match",
    "group_weights",
    "hub_spread",
    "hubness",
    "incidence",
    "median_best_rank",
    "percentile_interval",
    "pool_chance",
    "pool_metrics",
    "product_excess",
    "rank_both",
    "rank_metrics",
    "rank_vectors",
    "rows_per_block",
    "separability",
    "shared_score",
    "similarity_blocks",
    "uniformity",
]

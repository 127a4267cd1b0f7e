"""Metrics as pure functions of matrices: similarity, relevance, values and groups. Floor: metrics.

Called by the trainer's validation and by `binder.evaluate`; knows neither models nor tables.
`ranking` scores, `chance` says what blind guessing would score, `bootstrap` says how sure we are,
`shared` foresees from one tower whether others will find it.
"""

from binder.metrics.bootstrap import (
    CONFIDENCE,
    Interval,
    cluster_bootstrap,
    cluster_means,
    group_weights,
    percentile_interval,
)
from binder.metrics.chance import chance_metrics, median_best_rank
from binder.metrics.ranking import (
    CUTOFFS,
    RankTable,
    cutoffs_within,
    rank_blocks,
    rank_metrics,
    rank_variants,
    retrieval_scores,
    rows_per_block,
)
from binder.metrics.shared import SOUND, shared_score

__all__ = [
    "CONFIDENCE",
    "CUTOFFS",
    "SOUND",
    "Interval",
    "RankTable",
    "chance_metrics",
    "cluster_bootstrap",
    "cluster_means",
    "cutoffs_within",
    "group_weights",
    "median_best_rank",
    "percentile_interval",
    "rank_blocks",
    "rank_metrics",
    "rank_variants",
    "retrieval_scores",
    "rows_per_block",
    "shared_score",
]

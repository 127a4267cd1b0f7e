"""Corrections of vectors and scores, fitted on training vectors, reported beside the raw numbers. Floor: evaluate.

Stages are composable: vector stages (`centre`, `whiten`), then one score stage (`csls`, `nnn`, ...). `compare` judges
a correction with paired intervals, `choose_correction` picks one without a single emergent pair or leaves raw alone.
"""

from binder.evaluate.corrections.centring import Centre, centred
from binder.evaluate.corrections.choosing import Choice, Gain, Trial, choose_correction
from binder.evaluate.corrections.comparing import Comparison, compare
from binder.evaluate.corrections.correction import (
    KIND,
    Correction,
    corrected_fingerprint,
    fit_correction,
    pair_scores,
)
from binder.evaluate.corrections.csls import Csls
from binder.evaluate.corrections.dual_softmax import DualSoftmax
from binder.evaluate.corrections.evidence import relayed_question
from binder.evaluate.corrections.hub_profile import HubProfile
from binder.evaluate.corrections.inverted_softmax import InvertedSoftmax
from binder.evaluate.corrections.nnn import Nnn
from binder.evaluate.corrections.qb_norm import QbNorm
from binder.evaluate.corrections.stage import (
    ScoreStage,
    Stage,
    VectorStage,
    parse_stages,
    register_stage,
    stage_classes,
)
from binder.evaluate.corrections.whitening import Whiten

__all__ = [
    "KIND",
    "Centre",
    "Choice",
    "Comparison",
    "Correction",
    "Csls",
    "DualSoftmax",
    "Gain",
    "HubProfile",
    "InvertedSoftmax",
    "Nnn",
    "QbNorm",
    "ScoreStage",
    "Stage",
    "Trial",
    "VectorStage",
    "Whiten",
    "centred",
    "choose_correction",
    "compare",
    "corrected_fingerprint",
    "fit_correction",
    "pair_scores",
    "parse_stages",
    "register_stage",
    "relayed_question",
    "stage_classes",
]

"""Evaluation: the matrix of all ordered pairs, certified from the ledgers, with controls. Floor: evaluate.

Pure functions of arrays and ledgers: whoever holds a space encodes, and passes vectors in. Knows
`binder.metrics` and the ledger of `binder.towers`, neither models nor tables.
"""

from binder.evaluate.cell import Cell
from binder.evaluate.certificate import Certificate, Training
from binder.evaluate.controls import Control
from binder.evaluate.headline import Headline
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.relevance import RelevanceRule, relevance_rules
from binder.evaluate.report import Report
from binder.evaluate.runner import evaluate_space
from binder.evaluate.scoring import Estimate

__all__ = [
    "Cell",
    "Certificate",
    "Control",
    "EncodedModality",
    "Estimate",
    "Headline",
    "RelevanceRule",
    "Report",
    "Rows",
    "Training",
    "evaluate_space",
    "relevance_rules",
]

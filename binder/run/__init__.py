"""Runs: a configuration carried out from table to space to report. Floor: run; called by the CLI and users.

`train` and `evaluate` are the two doors; the other modules here prepare what they need.
"""

from binder.run.anchors import build_caches
from binder.run.evaluation import evaluate, evaluate_run, evaluate_space_on
from binder.run.training import train

__all__ = ["build_caches", "evaluate", "evaluate_run", "evaluate_space_on", "train"]

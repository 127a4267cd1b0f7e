"""Training: one tower at a time against cached or live hub vectors. Floor: train; called by `binder.run`.

`loop.py` is the place to start reading.
"""

from binder.train.engine import start_engine
from binder.train.loop import Outcome, TowerTrainer
from binder.train.side import Side

__all__ = ["Outcome", "Side", "TowerTrainer", "start_engine"]

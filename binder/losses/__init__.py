"""Losses against a frozen hub: functions on matrices, and the objective that a run configures. Floor: losses.

Called by the trainer only. `info_nce` and `sigmoid_loss` stand on their own; `Objective` adds what the
frozen hub makes possible (bank, masks, soft targets) and several processes. To add a loss, write a
function on matrices, a case in `Objective` and a name in `binder.config.LossConfig`.
"""

from binder.losses.bank import Bank
from binder.losses.contrastive import info_nce
from binder.losses.gather import Shares
from binder.losses.logsumexp import logsumexp_both
from binder.losses.objective import HubSide, Objective
from binder.losses.positives import Positives
from binder.losses.sigmoid import sigmoid_loss
from binder.losses.temperature import Temperature

__all__ = [
    "Bank",
    "HubSide",
    "Objective",
    "Positives",
    "Shares",
    "Temperature",
    "info_nce",
    "logsumexp_both",
    "sigmoid_loss",
]

"""Losses against a frozen hub: functions on matrices, and the temperature that scales them.

Floor: losses; called by the trainer only. To add a loss, write a function with the signature of
`info_nce` and give it a name in `binder.config.LossConfig`.
"""

from binder.losses.contrastive import info_nce
from binder.losses.gather import gather_rows
from binder.losses.positives import positive_mask
from binder.losses.temperature import Temperature

__all__ = ["Temperature", "gather_rows", "info_nce", "positive_mask"]

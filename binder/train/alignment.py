"""What one training step computes: tower, temperature and loss as one module. Floor: train.

One module, so that DDP sees a single forward and every parameter that needs a gradient.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from binder.losses import Temperature, gather_rows, info_nce, positive_mask
from binder.towers import Tower
from binder.types import Batch


class Alignment(nn.Module):
    """Pulls a tower's vectors towards the hub's, over the batch of all processes."""

    def __init__(self, tower: Tower, temperature: Temperature) -> None:
        super().__init__()
        self.tower = tower
        self.temperature = temperature

    def forward(
        self,
        batch: Batch,
        targets: Float[Tensor, "pair anchor dim"],
        present: Bool[Tensor, "pair anchor"],
        keys: Int[Tensor, "pair anchor rule"],
    ) -> Float[Tensor, ""]:
        """The loss, averaged over the hub modalities (anchors) that occur in the batch.

        Args:
            batch: this process's samples, collated.
            targets: the hub's unit vectors of the same rows; where `present` is False, unread.
            present: whether a row has this hub modality at all.
            keys: what makes rows positives of each other, see `positive_mask`.
        """
        vectors = gather_rows(self.tower(batch))
        targets, present, keys = gather_rows(targets), gather_rows(present), gather_rows(keys)
        with torch.autocast(vectors.device.type, enabled=False):  # the loss is float32 in every precision
            losses = [
                info_nce(vectors[rows], targets[rows, anchor], positive_mask(keys[rows, anchor]), self.temperature())
                for anchor, rows in enumerate(present.T)
                if rows.any()
            ]
        return torch.stack(losses).mean()

"""Which rows of a batch are positives of each other. Floor: losses; called by the trainer."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def positive_mask(keys: Int[Tensor, "row rule"]) -> Bool[Tensor, "row row"]:
    """True where two rows agree on at least one rule, and on the diagonal.

    Args:
        keys: one integer per row and rule (say, of its caption and of its label); negative means
            unknown and agrees with nothing.
    """
    known = keys >= 0
    agree = (keys[:, None] == keys[None, :]) & known[:, None] & known[None, :]
    return agree.any(dim=-1) | torch.eye(len(keys), dtype=torch.bool, device=keys.device)

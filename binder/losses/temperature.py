"""The scale of the logits, and the bias of the sigmoid loss, kept apart from the towers. Floor: losses.

Towers return unit vectors; this module alone knows how they are scaled for the loss.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

MIN_SCALE = 0.1  # temperature 10: every cosine between -1 and 1 weighs about the same
MAX_SCALE = 100.0  # Radford et al. 2021, section 2.5: clipped "to prevent scaling the logits by more than 100"


class Temperature(nn.Module):
    """A fixed or learned temperature; calling it gives the scale, 1 / temperature.

    Args:
        initial: in [0.01, 10]; .07 as in CLIP.
        learn: whether the logarithm of the scale is a parameter.
        max_scale: largest scale that learning may reach; `clamp_` after each update keeps it.
    """

    def __init__(self, initial: float = 0.07, *, learn: bool = True, max_scale: float = MAX_SCALE) -> None:
        super().__init__()
        if not 1 / MAX_SCALE <= initial <= 1 / MIN_SCALE:
            raise ValueError(f"temperature {initial}: expected {1 / MAX_SCALE} to {1 / MIN_SCALE}")
        self.max_scale = max_scale
        self.log_scale = nn.Parameter(torch.tensor(-math.log(initial)), requires_grad=learn)

    def forward(self) -> Float[Tensor, ""]:
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring the parameter itself back into its range, as open_clip does after each update.

        Clamped in `forward` alone, it would get no gradient beyond the limit and never come back.
        """
        self.log_scale.clamp_(min=math.log(MIN_SCALE), max=math.log(self.max_scale))

    @property
    def value(self) -> float:
        """The temperature now in force."""
        return 1 / float(self().detach())


def initial_bias(num_negatives: int) -> float:
    """-log(negatives per row): the sigmoid loss then starts by expecting one match a row.

    SigLIP's -10 is this for its batch of 32k (section 3.2 of https://arxiv.org/abs/2303.15343).
    """
    return -math.log(max(1, num_negatives))

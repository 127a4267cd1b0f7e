"""The sigmoid loss over all pairs, without the matrix of logits. Floor: losses; used by the objective.

X. Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023, eq. 1,
https://arxiv.org/abs/2303.15343. -log sigmoid(z l) is softplus(l) for a negative and softplus(l) - l for a
positive, so the positives are linear in the logits and need no matrix. There is no normaliser to wait for:
one pass over the tiles gives the value and its gradient.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from binder.losses.tiles import Pairs, Tiling, products


def sigmoid_loss(
    modality: Float[Tensor, "row dim"],
    hub: Float[Tensor, "item dim"],
    scale: Float[Tensor, ""],
    bias: Float[Tensor, ""],
    *,
    positives: Float[Tensor, "row dim"] | None = None,
    counts: Float[Tensor, " row"] | None = None,
    exclude: Pairs | None = None,
    products_in: torch.dtype | None = None,
) -> Float[Tensor, ""]:
    """Sum over all (row, item) places of -log sigmoid(z (scale row.item + bias)), divided by the number of rows.

    Args:
        modality: unit vectors of the tower.
        hub: unit vectors of the hub: the batch's partners, row by row, or a whole bank.
        scale: 1 / temperature.
        bias: starts at -log(negatives per row), see `Scale`.
        positives: for each row the sum of the hub vectors that are its positives. Default: its partner.
        counts: number of those. Default: 1.
        exclude: places that take no part; none of them a positive.
        products_in: dtype of the matrix products; default: that of `modality`.

    Raises:
        ValueError: a single hub item, which leaves no negatives.
    """
    if len(hub) < 2:
        raise ValueError("a single hub item leaves no negatives: expected at least 2")
    total = _SoftplusSum.apply(modality, hub, scale, bias, exclude, products_in or modality.dtype)
    positives = hub if positives is None else positives
    number = modality.new_ones(len(modality)) if counts is None else counts
    linear = scale * (modality * positives).sum() + bias * number.sum()
    return (total - linear) / len(modality)  # pyright: ignore[reportOperatorIssue]


class _SoftplusSum(torch.autograd.Function):
    """sum_ij softplus(scale a_i.b_j + bias), its gradient computed on the way."""

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, scale: Tensor, bias: Tensor, exclude: Pairs | None, dtype: torch.dtype
    ) -> Tensor:
        need_a, need_b = any(ctx.needs_input_grad[i] for i in (0, 2)), ctx.needs_input_grad[1]
        grad_a, grad_b = (torch.zeros_like(x) if need else None for x, need in ((a, need_a), (b, need_b)))
        total, grad_bias = a.new_zeros((), dtype=torch.float64), a.new_zeros((), dtype=torch.float64)
        for place, tiles in Tiling(len(a), len(b), exclude).column_blocks():
            block = b[place].to(a.device, dtype)
            for tile in tiles:
                scaled = (a[tile.rows] * scale).to(dtype)  # again for each block: a copy of all would cost memory
                logits = products(scaled, block).add_(bias)
                if tile.excluded is not None:
                    logits[tile.excluded.rows, tile.excluded.columns] = -torch.inf
                total += softplus(logits).sum(dim=1).double().sum()
                slopes = logits.sigmoid_()
                grad_bias += slopes.sum(dim=1).double().sum()
                slopes = slopes.to(dtype)
                if grad_a is not None:
                    grad_a[tile.rows] += slopes @ block
                if grad_b is not None:
                    grad_b[place] += slopes.T @ scaled
        grad_scale = torch.tensordot(grad_a, a, dims=2) if grad_a is not None else None
        ctx.gradients = (
            grad_a.mul_(scale) if grad_a is not None else None,
            grad_b,
            grad_scale,
            grad_bias.to(bias.dtype),
        )
        return total.to(a.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (upstream,) = gradients
        return (*(None if g is None else g * upstream for g in ctx.gradients), None, None)

"""Log-sum-exp over rows and columns of a matrix of logits that is never held. Floor: losses.

Everything in a softmax loss that is not linear in the logits; targets, however soft, are linear and
need no matrix (see `contrastive`). Only the logit of a row's own partner is subtracted here: late in
training its probability p is near 1, and p - 1 keeps its digits only if it is taken before it is
multiplied with a vector, or rounded to bfloat16. The forward pass runs over tiles and keeps two vectors
of sums, the backward pass computes the tiles again. Memory for the logits is an allowance, not a need:
tiles that fit into it are kept instead of computed twice.

The idea of never holding the logits in contrastive learning: Z. Cheng et al., "Breaking the Memory Barrier:
Near Infinite Batch Size Scaling for Contrastive Loss", 2024 (Inf-CL), https://arxiv.org/abs/2410.17243.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from binder.losses.tiles import Pairs, Tile, Tiling, products

# exp() of any logit, and of their sum, must be a normal number, as must the inverse: float32 ends at e^87.
_SAFE = {torch.float32: 65.0, torch.float64: 600.0}


def logsumexp_both(
    a: Float[Tensor, "row dim"],
    b: Float[Tensor, "column dim"],
    scale: Float[Tensor, ""],
    *,
    partners: Pairs | None = None,
    exclude: Pairs | None = None,
    products_in: torch.dtype | None = None,
    memory: int = 0,
) -> tuple[Float[Tensor, " row"], Float[Tensor, " column"]]:
    """Sum up: log sum_j exp(scale a_i.b_j) for every row i, and log sum_i of the same for every column j.

    Exact: with logits between -scale and scale (unit vectors) no maximum is needed to keep the
    sums finite; one exponential per place serves both directions. Above scale 50 or so the sums
    are taken in float64.

    Args:
        a: unit vectors.
        b: unit vectors; may lie on another device, from which it is streamed (then it gets no gradient).
        scale: 1 / temperature.
        partners: places, each given once, whose logits are subtracted from the results of their row and column.
        exclude: places left out of both sums; every row (column) must keep one if its result is used.
        products_in: dtype of the matrix products, e.g. bfloat16; sums stay in float32. Default: that of `a`.
        memory: bytes of tiles that may be kept for the backward pass instead of computed again.

    Raises:
        ValueError: logits too large to sum, because vectors are not unit vectors or scale is above 500.
    """
    return _LogSumExp.apply(a, b, scale, partners, exclude, products_in or a.dtype, memory)  # pyright: ignore


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        a: Tensor,
        b: Tensor,
        scale: Tensor,
        partners: Pairs | None,
        exclude: Pairs | None,
        dtype: torch.dtype,
        memory: int,
    ) -> tuple[Tensor, Tensor]:
        sums_in = _dtype_of_sums(a.dtype, float(scale) + math.log(max(len(a), len(b), 1)))
        tiling = Tiling(len(a), len(b), exclude, partners)
        row_sums, row_partners = a.new_zeros(2, len(a), dtype=sums_in)
        column_sums, column_partners = a.new_zeros(2, len(b), dtype=sums_in)
        kept: dict[int, Tensor] = {}
        for columns, tiles in tiling.column_blocks():
            block = b[columns].to(a.device, dtype)
            for tile in tiles:
                logits = products((a[tile.rows] * scale).to(dtype), block).to(sums_in)
                if tile.partners is not None:
                    own = logits[tile.partners.rows, tile.partners.columns]
                    row_partners[tile.rows].index_add_(0, tile.partners.rows, own)
                    column_partners[columns].index_add_(0, tile.partners.columns, own)
                powers = _powers(logits, tile)
                row_sums[tile.rows] += powers.sum(1)
                column_sums[columns] += powers.sum(0)
                keep_in = dtype if tile.partners is None else sums_in  # see above: not rounded before p - 1
                size = powers.numel() * keep_in.itemsize
                if size <= memory and any(ctx.needs_input_grad):
                    memory -= size
                    kept[tile.number] = powers.to(keep_in)
        if torch.isinf(row_sums.sum()):  # NaN is let through: the caller knows whose vectors these are
            raise ValueError("logits too large to sum: expected unit vectors")
        ctx.save_for_backward(a, b, scale, row_sums, column_sums)
        ctx.set_materialize_grads(False)  # a direction that no loss uses costs nothing
        ctx.kept, ctx.tiling, ctx.dtype = kept, tiling, dtype
        return (row_sums.log() - row_partners).to(a.dtype), (column_sums.log() - column_partners).to(a.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """d/dlogit_ij = g_i exp(l_ij) / R_i + h_j exp(l_ij) / C_j, with g, h the gradients and R, C the sums.

        At partners, g_i + h_j is subtracted.
        """
        a, b, scale, row_sums, column_sums = ctx.saved_tensors
        of_rows, rows = _asked(gradients[0], row_sums)
        of_columns, columns = _asked(gradients[1], column_sums)
        need_a, need_b, need_scale = ctx.needs_input_grad[:3]
        grad_a, grad_b = torch.zeros_like(a), torch.zeros_like(b) if need_b else None
        for place, tiles in ctx.tiling.column_blocks():
            block = b[place].to(a.device, ctx.dtype)
            for tile in tiles:
                scaled = (a[tile.rows] * scale).to(ctx.dtype)  # again for each block: a copy of all would cost memory
                powers = ctx.kept.get(tile.number)
                if powers is None:
                    powers = _powers(products(scaled, block).to(row_sums.dtype), tile)
                weights = (rows[tile.rows, None] + columns[None, place]).mul_(powers)
                if tile.partners is not None:
                    i, j = tile.partners.rows, tile.partners.columns
                    weights[i, j] -= of_rows[tile.rows][i] + of_columns[place][j]
                weights = weights.to(ctx.dtype)
                grad_a[tile.rows] += weights @ block
                if grad_b is not None:
                    grad_b[place] += weights.T @ scaled
        grad_scale = torch.tensordot(grad_a, a, dims=2) if need_scale else None
        return grad_a.mul_(scale) if need_a else None, grad_b, grad_scale, None, None, None, None


def _powers(logits: Tensor, tile: Tile) -> Tensor:
    powers = logits.exp_()
    if tile.excluded is not None:
        powers[tile.excluded.rows, tile.excluded.columns] = 0
    return powers


def _asked(gradient: Tensor | None, sums: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of one direction, also as a share of its sums; zero if unused, even where nothing was summed."""
    if gradient is None:
        return torch.zeros_like(sums), torch.zeros_like(sums)
    gradient = gradient.to(sums.dtype)
    return gradient, gradient / sums


def _dtype_of_sums(dtype: torch.dtype, largest: float) -> torch.dtype:
    """The first dtype, no coarser than `dtype`, in which sums up to e^largest and their inverses are normal numbers."""
    for candidate in (torch.float32, torch.float64):
        if (largest <= _SAFE[candidate] or math.isnan(largest)) and dtype.itemsize <= candidate.itemsize:
            return candidate
    raise ValueError(f"logits up to {largest:.4g}: expected a scale of at most 500")

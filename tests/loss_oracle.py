"""Oracles of the losses: full matrices in float64, as the papers define them, and equality with a peer."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from binder.config import LossConfig


def unit_vectors(rows: int, dim: int, seed: int) -> Tensor:
    """Random float64 unit vectors."""
    return normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def assert_same_loss_and_gradients(
    loss: Tensor, ours: Sequence[Tensor], expected: Tensor, theirs: Sequence[Tensor]
) -> None:
    """Two losses are equal, and so is what they ask of the inputs they were computed from."""
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    for mine, peer in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, peer.grad, rtol=1e-9, atol=1e-12)


def agree(a: Tensor, b: Tensor) -> Tensor:
    """Bool (len(a), len(b)): some known rule in common."""
    return torch.tensor([[any(x == y >= 0 for x, y in zip(p, q, strict=True)) for q in b.tolist()] for p in a.tolist()])


def dense_loss(
    x: Tensor,
    hub: Tensor,
    keys: Tensor,
    config: LossConfig,
    scale: Tensor,
    bias: float = 0.0,
    gallery: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Loss of one anchor; `gallery` holds vectors and keys of what rows are compared with, if not the batch."""
    widths = [x.shape[1], *config.matryoshka]
    items, item_keys = (hub, keys) if gallery is None else gallery
    losses = []
    for width in widths:
        a, h, g = (_prefix(part, width) for part in (x, hub, items))
        positive, allowed = _relation(hub, items, keys, item_keys, config, own=gallery is None)
        if config.kind == "sigmoid":
            sign = torch.where(positive, 1.0, -1.0).double()
            losses.append(-(logsigmoid(sign * (scale * a @ g.T + bias)) * allowed).sum() / len(a))
            continue
        to_hub = _cross_entropy(scale * a @ g.T, _targets(hub, items, positive, allowed, config), allowed)
        positive, allowed = _relation(hub, hub, keys, keys, config, own=True)
        from_hub = _cross_entropy(scale * h @ a.T, _targets(hub, hub, positive, allowed, config), allowed)
        chosen = {"both": (to_hub + from_hub) / 2, "to_hub": to_hub, "from_hub": from_hub}
        losses.append(chosen[config.direction])
    return torch.stack(losses).mean()


def _prefix(vectors: Tensor, width: int) -> Tensor:
    """A Matryoshka prefix, made a unit vector again; the whole vector as it is."""
    return vectors if width == vectors.shape[1] else normalize(vectors[:, :width], dim=1)


def _relation(
    rows: Tensor, items: Tensor, row_keys: Tensor, item_keys: Tensor, config: LossConfig, *, own: bool
) -> tuple[Tensor, Tensor]:
    positive = agree(row_keys, item_keys)
    if own:
        positive |= torch.eye(len(rows), dtype=torch.bool)
    duplicate = rows @ items.T > (2.0 if config.mask_above is None else config.mask_above)
    return positive, positive | ~duplicate


def _targets(rows: Tensor, items: Tensor, positive: Tensor, allowed: Tensor, config: LossConfig) -> Tensor:
    even = positive.double() / positive.sum(1, keepdim=True)
    similar = (rows @ items.T / config.soft_temperature).masked_fill(~allowed, -torch.inf).softmax(1)
    return (1 - config.soft) * even + config.soft * similar


def _cross_entropy(logits: Tensor, targets: Tensor, allowed: Tensor) -> Tensor:
    log_p = logits.masked_fill(~allowed, -torch.inf).log_softmax(1)
    return -(targets * log_p.masked_fill(~allowed, 0)).sum(1).mean()

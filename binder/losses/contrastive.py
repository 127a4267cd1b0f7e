"""InfoNCE against a frozen hub, with any targets. Floor: losses; used by the objective.

The softmax cross-entropy of a row is log-sum-exp(logits) - sum_j q_j logits_j. The second part is linear in
the logits, so targets of any kind (one partner, many, soft) shrink to one vector a row: the mean
of the gallery under q. What they differ in from the row's own partner is all that is left to do here.

[1] A. van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
    eq. 4, https://arxiv.org/abs/1807.03748
[2] A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
    2021, fig. 3 (symmetric form), https://arxiv.org/abs/2103.00020
[3] P. Khosla et al., "Supervised Contrastive Learning", 2020, eq. 2 (mean over positives outside
    the logarithm), https://arxiv.org/abs/2004.11362
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from binder.losses.logsumexp import logsumexp_both
from binder.losses.tiles import Pairs

Direction = Literal["both", "to_hub", "from_hub"]


def info_nce(
    modality: Float[Tensor, "pair dim"],
    hub: Float[Tensor, "pair dim"],
    scale: Float[Tensor, ""],
    *,
    to_hub: Float[Tensor, "pair dim"] | None = None,
    from_hub: Float[Tensor, "pair dim"] | None = None,
    direction: Direction = "both",
    exclude: Pairs | None = None,
    products_in: torch.dtype | None = None,
    memory: int = 0,
) -> Float[Tensor, ""]:
    """Mean of modality -> hub and hub -> modality InfoNCE [1] over one batch; by default [2] exactly.

    Args:
        modality: unit vectors of the tower.
        hub: unit vectors of the hub, row i the partner of row i.
        scale: 1 / temperature.
        to_hub: for each modality row the mean of the hub vectors it should find, sum_j q_ij hub_j; spread
            evenly over several positives this is [3]. Default: its partner.
        from_hub: the same seen from the hub, sum_j q_ji hub_j with q_ji the share of row i among the
            targets of hub item j. Default: its partner.
        direction: `to_hub` or `from_hub` for one of the two terms alone.
        exclude: (modality, hub) places that are no negatives of each other.
        products_in: dtype of the matrix products; default: that of `modality`.
        memory: bytes of logits that may be kept for the backward pass.

    Returns:
        The loss in nats; log(pair) for a space that knows nothing and one positive each.

    Raises:
        ValueError: a batch of one, which has no negatives.
    """
    if len(modality) < 2:
        raise ValueError("a batch of one pair has no negatives: expected at least 2")
    own = torch.arange(len(modality), device=modality.device)
    rows, columns = logsumexp_both(
        modality, hub, scale, partners=Pairs(own, own), exclude=exclude, products_in=products_in, memory=memory
    )
    losses = []
    if direction != "from_hub":
        losses.append(rows if to_hub is None else cross_entropy(rows, modality, to_hub, hub, scale))
    if direction != "to_hub":
        losses.append(columns if from_hub is None else cross_entropy(columns, modality, from_hub, hub, scale))
    return torch.stack(losses).mean()


def cross_entropy(
    sums: Float[Tensor, " row"],
    vectors: Float[Tensor, "row dim"],
    targets: Float[Tensor, "row dim"],
    partners: Float[Tensor, "row dim"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, " row"]:
    """Softmax cross-entropy of each row: its log-sum-exp less the linear part, both without the partner's logit.

    Args:
        sums: log-sum-exp of each row's logits less that of its partner, see `logsumexp_both`.
        vectors: of the tower.
        targets: for each of them the mean of the hub vectors it should find, or that should find it.
        partners: the hub vector whose logit `sums` lacks.
        scale: 1 / temperature.
    """
    return sums - scale * (vectors * (targets - partners)).sum(dim=1)

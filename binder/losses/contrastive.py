"""Symmetric InfoNCE with any number of positives. Floor: losses; called by the trainer.

[1] A. van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
    eq. 4, https://arxiv.org/abs/1807.03748
[2] A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
    2021, fig. 3 (symmetric form), https://arxiv.org/abs/2103.00020
[3] P. Khosla et al., "Supervised Contrastive Learning", 2020, eq. 2 (mean over positives outside
    the logarithm), https://arxiv.org/abs/2004.11362
"""

from jaxtyping import Bool, Float
from torch import Tensor


def info_nce(
    modality: Float[Tensor, "pair dim"],
    hub: Float[Tensor, "pair dim"],
    positive: Bool[Tensor, "pair pair"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Mean of modality -> hub and hub -> modality InfoNCE; with one positive each, [2] exactly.

    Args:
        modality: unit vectors of the tower.
        hub: unit vectors of the hub, row i the partner of row i.
        positive: True where row i of `modality` and row j of `hub` belong together; the diagonal
            is True. The targets of a row are spread evenly over its positives [3].
        scale: 1 / temperature.

    Returns:
        The loss in nats; log(pair) for a space that knows nothing and one positive each.
    """
    logits = scale * modality @ hub.T
    return (_one_way(logits, positive) + _one_way(logits.T, positive.T)) / 2


def _one_way(logits: Float[Tensor, "query gallery"], positive: Bool[Tensor, "query gallery"]) -> Float[Tensor, ""]:
    target = positive.to(logits.dtype) / positive.sum(dim=1, keepdim=True)
    return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()

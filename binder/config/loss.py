"""Section `loss`: what pulls a tower towards the hub. Floor: config."""

from typing import Literal

from pydantic import Field, model_validator

from binder.config.base import Section


class LossConfig(Section):
    """A contrastive loss against the frozen hub.

    Attributes:
        kind: `info_nce` (softmax over negatives) or `sigmoid` (SigLIP: every pair judged alone).
        direction: of InfoNCE: tower -> hub, hub -> tower, or the mean of both.
        negatives: what a sample is pushed away from. `batch`: the hub items of its batch. `bank`: all hub
            items of the training table, from the cache, exact and never stale. `hard`: the batch's, and each
            item's nearest neighbours in the hub's space. Hub -> tower has the batch's samples in every case.
        hard_negatives: neighbours per sample, with `negatives: hard`.
        mask_above: hub items with a larger cosine to a sample's own, say .98, are no negatives of it; null for none,
            because near items need not mean the same (docs/ablations.md).
        soft: share of each target that is spread over hub items by their similarity to the own one.
        soft_temperature: of that similarity's softmax.
        positives: which rows are positives of each other, not negatives: those with the same hub
            item, say the same caption (`content`), or those and rows of the same label
            (`label`; without a label column in the table it is the same as `content`).
        temperature: initial (or fixed) softmax temperature; .07 as in CLIP.
        learn_temperature: train it, clamped so that 1 / temperature <= max_scale.
        max_scale: largest 1 / temperature; 100 as in CLIP.
        matryoshka: widths whose prefixes of every vector must align too, e.g. [256, 64]; needs
            `hub.transform: pca`, or `hub.matryoshka: true` for a hub that orders its dimensions by itself.
        products: precision of the loss's matrix products; sums are float32 in any case.
        memory_mib: logits that may be kept for the backward pass; beyond, they are computed twice.
    """

    kind: Literal["info_nce", "sigmoid"] = "info_nce"
    direction: Literal["both", "to_hub", "from_hub"] = "both"
    negatives: Literal["batch", "bank", "hard"] = "batch"
    hard_negatives: int = Field(default=8, ge=1)
    mask_above: float | None = Field(default=None, gt=-1, le=1)
    soft: float = Field(default=0.0, ge=0, lt=1)
    soft_temperature: float = Field(default=0.05, gt=0, le=10)
    positives: Literal["content", "label"] = "label"
    temperature: float = Field(default=0.07, ge=0.01, le=10)
    learn_temperature: bool = True
    max_scale: float = Field(default=100.0, ge=0.1, le=500)
    matryoshka: tuple[int, ...] = ()
    products: Literal["float32", "bfloat16"] = "float32"
    memory_mib: int = Field(default=1024, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "LossConfig":
        if self.kind == "sigmoid" and (self.direction != "both" or self.soft):
            raise ValueError("the sigmoid loss judges each pair alone: leave out direction and soft, or use info_nce")
        if self.direction == "from_hub" and self.negatives != "batch":
            raise ValueError("hub -> tower has only the batch's negatives: use negatives: batch, or another direction")
        if list(self.matryoshka) != sorted(set(self.matryoshka), reverse=True) or min(self.matryoshka, default=1) < 1:
            raise ValueError("matryoshka widths: expected distinct positive numbers, largest first")
        if 1 / self.temperature > self.max_scale * (1 + 1e-9):
            raise ValueError(f"temperature {self.temperature} is below 1 / max_scale = {1 / self.max_scale:g}")
        return self

"""Optimiser and learning rate. Floor: train; called by the loop."""

import math

from torch import nn
from torch.optim import AdamW

from binder.config import TrainConfig


def build_optimizer(tower: nn.Module, config: TrainConfig) -> AdamW:
    """AdamW; weight decay on matrices and kernels only, as in open_clip and CLIP."""
    weights = [weight for weight in tower.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=config.lr)


def learning_rate(step: int, num_steps: int, config: TrainConfig) -> float:
    """Linear warm-up to `config.lr`, then half a cosine to zero; a function of the step alone.

    Args:
        step: 0 for the first update.
        num_steps: updates in the whole run.
        config: gives the peak rate and the share of warm-up steps.
    """
    warmup = round(config.warmup * num_steps)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, num_steps - warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * progress))

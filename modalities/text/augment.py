"""Varies a prepared text in training; called by `Text.augment`."""

import torch
from jaxtyping import Int64
from torch import Generator, Tensor

from modalities.text.transform import HIDDEN


def hide_bytes(ids: Int64[Tensor, " byte"], generator: Generator, *, chance: float) -> Int64[Tensor, " byte"]:
    """Replace each byte by `HIDDEN` with the given chance, so that no single letter decides."""
    hidden = torch.rand(ids.shape, generator=generator) < chance
    return ids.masked_fill(hidden, HIDDEN)

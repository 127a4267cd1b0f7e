"""A picture hub and aligned pictures, for tests of views."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from binder.data import PairTable
from binder.hub.protocol import FrozenHub
from binder.registry import create_modality

NUM_ROWS = 6


class PixelHub(FrozenHub):
    """Embeds images by a frozen map of their shrunken pixels, texts by their length."""

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Linear(48, 5)
        super().__init__("pixel", model, native=("image", "text"), dim=5, preprocessing={})

    def _forward(self, modality, samples):
        if modality == "text":
            return torch.stack([torch.arange(5.0) + len(text) for text in samples])
        small = [np.asarray(Image.fromarray(sample).resize((4, 4))) for sample in samples]
        return self._model(torch.from_numpy(np.stack(small)).float().flatten(1) / 255)


def write_pictures(folder: Path) -> PairTable:
    """Aligned images and depth, and captions; the last two rows have one image between them."""
    for modality in ("image", "depth", "text"):
        (folder / modality).mkdir(parents=True)
    for row in range(NUM_ROWS):
        picture = create_modality("image").synthetic(min(row, NUM_ROWS - 2))
        Image.fromarray(picture).save(folder / "image" / f"{row}.png")
        np.save(folder / "depth" / f"{row}.npy", create_modality("depth").synthetic(row)[0])
        (folder / "text" / f"{row}.txt").write_text("x" * (row + 1))
    return PairTable.open(folder)

"""A hub small enough for a test: it embeds a text by its letters."""

import torch

from binder.hub import FrozenHub
from binder.hub.describe import check_texts


class LetterHub(FrozenHub):
    """`letters:WIDTH`."""

    def __init__(self, width):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = torch.nn.Linear(256, int(width))
        super().__init__(
            f"letters:{width}", model, native=("text",), dim=int(width), preprocessing={"letters": 256}, licence="CC0"
        )

    def _forward(self, modality, samples):
        texts = check_texts(self.name, list(samples))
        counts = torch.stack([torch.bincount(torch.tensor(list(text.encode())), minlength=256) for text in texts])
        return self._model(counts.float().to(self._device))

"""The smallest things that keep binder's contracts: a modality, a hub, a table. For tests of the rooms between."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import nn

from binder.data import ModalityDataset, PairTable
from binder.hub import FrozenHub
from binder.modality import ModalitySpec
from binder.types import InputContract, Sample, Source

WORDS = ("red", "green", "blue", "black", "white", "grey", "pink", "brown")


class ToyEncoder(nn.Module):
    """Two layers with dropout, so that random states matter."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.width = width
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(16, width), nn.GELU(), nn.Dropout(0.2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@dataclass(frozen=True, kw_only=True)
class Toy(ModalitySpec):
    """Eight steps of two channels."""

    name = "toy"
    limit: float = 100.0

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="time channel", unit="V", value_range=(-self.limit, self.limit), channels=("a", "b")
        )

    def read(self, source: Source) -> Sample:
        assert isinstance(source, np.ndarray)
        return source.astype(np.float32)

    def transform(self, sample: Sample) -> torch.Tensor:
        return torch.from_numpy(np.asarray(sample))

    def augment(self, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return tensor + 0.1 * torch.randn(tensor.shape, generator=generator)

    def encoder(self, **options: Any) -> nn.Module:
        return ToyEncoder(**options)

    def synthetic(self, seed: int) -> Sample:
        return np.random.default_rng(seed).normal(size=(8, 2)).astype(np.float32)


class ToyHub(FrozenHub):
    """Embeds texts by a frozen random map of their letters."""

    def __init__(self, dim: int = 12, seed: int = 0) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Linear(128, dim)
        super().__init__(f"toy:{seed}", model, native=("text",), dim=dim, preprocessing={"letters": 128})
        self.num_embedded = 0

    def _forward(self, modality: str, samples: Any) -> torch.Tensor:
        self.num_embedded += len(samples)
        counts = torch.zeros(len(samples), 128)
        for row, text in enumerate(samples):
            for place, letter in enumerate(text):
                counts[row, ord(letter) % 128] += 1 + place
        return self._model(counts)


def toy_table(num_rows: int = 40, *, seed: int = 0) -> PairTable:
    """Rows whose signal depends on their word; a word stands in several rows."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(len(WORDS), 8, 2))
    words = rng.integers(len(WORDS), size=num_rows)
    signals = means[words] + 0.3 * rng.normal(size=(num_rows, 8, 2))
    rows = {
        "id": [f"s{seed}-{row}" for row in range(num_rows)],
        "toy": signals.astype(np.float32).tolist(),
        "text": [WORDS[word] for word in words],
        "label": [str(word % 4) for word in words],
    }
    return PairTable.from_dataset(
        Dataset.from_dict(rows), columns={"toy": "toy", "text": "text"}, label="label", specs={"toy": Toy()}
    )


def toy_samples(table: PairTable) -> ModalityDataset:
    """Its toy column, transformed and kept."""
    return ModalityDataset(table, Toy(), cache=True)

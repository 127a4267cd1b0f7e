"""A hub that is slow and keeps a log, and a program that caches with it: something to kill. Used by the cache tests."""

import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from toys import ToyHub

from binder.data import PairTable
from binder.hub.cache import HubCache, build_hub_cache
from binder.registry import create_modality

NUM_ROWS, NUM_CONTENTS, BATCH, SHARD = 90, 60, 4, 8


class SlowHub(ToyHub):
    """A toy hub that sleeps before every batch and writes down what it embeds."""

    def __init__(self, log: Path, seconds: float = 0.0) -> None:
        super().__init__()
        self._log, self._seconds = log, seconds

    def _forward(self, modality: str, samples: Any) -> torch.Tensor:
        time.sleep(self._seconds)
        with self._log.open("a") as log:
            log.writelines(f"{sample}\n" for sample in samples)
        return super()._forward(modality, samples)


def table() -> PairTable:
    """90 rows, 60 distinct texts."""
    return PairTable.from_dataset(
        Dataset.from_dict({"text": [f"text {row % NUM_CONTENTS}" for row in range(NUM_ROWS)]})
    )


def build(folder: Path, hub: SlowHub) -> HubCache:
    """Cache the table."""
    return build_hub_cache(hub, table(), "text", create_modality("text"), folder, batch_size=BATCH, shard_size=SHARD)


if __name__ == "__main__":
    build(Path(sys.argv[1]), SlowHub(Path(sys.argv[2]), 0.15))

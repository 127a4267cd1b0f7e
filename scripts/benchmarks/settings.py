"""How much is measured: `full` for BENCHMARKS.md, `quick` to look, `tiny` for the test of the script itself."""

from dataclasses import dataclass
from typing import Any

SEED = 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One size of the whole benchmark, on one machine.

    Attributes:
        loss_sizes: N of (a).
        bank_sizes: items of (d).
        ranking_sizes: N of (g).
        rounds: turns of each contender.
        num_images: JPEG files that (b) and (e) read.
        batch: of (b), (d) and (e).
        hub: width, layers and patch of the vision transformer that is the hub; 768, 12, 32 is ViT-B/32.
        tower: timm name of the tower of (b).
        side: of its pictures, and the hub's.
        small_tower: timm name of the tower of (c).
        small_side: of its pictures.
        large_batch: of (c).
        chunks: mini-batches of (c), of which each contender's best counts.
        threads: of torch.
        device: where everything runs.
    """

    loss_sizes: tuple[int, ...]
    bank_sizes: tuple[int, ...]
    ranking_sizes: tuple[int, ...]
    rounds: int
    num_images: int
    batch: int
    hub: tuple[int, int, int]
    tower: str
    side: int
    small_tower: str
    small_side: int
    large_batch: int
    chunks: tuple[int, ...]
    threads: int
    device: str

    @property
    def measuring(self) -> dict[str, Any]:
        """What `compare_alone` must know of the machine."""
        return {"rounds": self.rounds, "threads": self.threads, "device": self.device}


_FULL: dict[str, Any] = {
    "loss_sizes": (1024, 2048, 4096, 8192, 16384, 32768),
    "bank_sizes": (1024, 8192, 65536, 524288),
    "ranking_sizes": (1000, 5000, 20000, 50000),
    "rounds": 3,
    "num_images": 64,
    "batch": 32,
    "hub": (768, 12, 32),
    "tower": "vit_small_patch16_224",
    "side": 224,
    "small_tower": "vit_tiny_patch16_224",
    "small_side": 112,
    "large_batch": 256,
    "chunks": (16, 32, 64, 128),
}
_QUICK = {
    "loss_sizes": (256, 1024, 2048),
    "bank_sizes": (1024, 8192),
    "ranking_sizes": (1000, 5000),
    "num_images": 16,
    "batch": 8,
    "side": 64,
    "small_side": 64,
    "large_batch": 32,
    "chunks": (8, 16),
}
_TINY = {
    "loss_sizes": (64, 128),
    "bank_sizes": (64, 128),
    "ranking_sizes": (64, 128),
    "rounds": 1,
    "num_images": 4,
    "batch": 4,
    "hub": (64, 2, 32),
    "tower": "test_vit",
    "side": 32,
    "small_tower": "test_vit",
    "small_side": 32,
    "large_batch": 8,
    "chunks": (2, 4),
}
SIZES = {"full": _FULL, "quick": _FULL | _QUICK, "tiny": _FULL | _TINY}

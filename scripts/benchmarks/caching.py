"""(c) Gradient caching against sentence-transformers' CachedMultipleNegativesRankingLoss, each at its best chunk.

The hub's side costs nothing in either: its vectors are handed over as they are.
"""

from collections.abc import Callable

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.optim.optimizer import register_optimizer_step_pre_hook

from benchmarks.measure import Timing, take_turns
from benchmarks.report import Goal, Part
from benchmarks.settings import SEED, Settings
from benchmarks.towers import DIM, TEMPERATURE, hub_side, make_step, make_tower
from binder.towers import Tower

PEER, OURS, PLAIN = "sentence-transformers", "binder", "binder, whole batch"
Contender = tuple[str, int]


class _Sides(nn.Module):
    """What sentence-transformers sees of a pair: the tower's vector of pixels, or the hub's vector."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower
        self.one = nn.Parameter(torch.ones(()))  # the peer wants a gradient of either side

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        vectors = self.tower(features["pixels"]) if "pixels" in features else features["vectors"] * self.one
        return {"sentence_embedding": vectors}


def run(settings: Settings) -> Part:
    """The table."""
    device, size, side = settings.device, settings.large_batch, settings.small_side
    generator = torch.Generator().manual_seed(SEED)
    pixels = torch.randn(size, 3, side, side, generator=generator).to(device)
    hub = normalize(torch.randn(size, DIM, generator=generator), dim=1).to(device)
    tower = make_tower(settings.small_tower, side, device)
    steps: dict[Contender, Callable[[], object]] = {}
    for chunk in settings.chunks:
        steps[PEER, chunk] = _peer(tower, pixels, hub, chunk)
        steps[OURS, chunk] = _ours(tower, pixels, hub, chunk)
    steps[PLAIN, size] = _ours(tower, pixels, hub, None)
    gradients = {name: _gradient(tower, step) for name, step in steps.items()}
    timings = take_turns({f"{name} {chunk}": step for (name, chunk), step in steps.items()}, settings.rounds, device)
    times = {key: timings[f"{key[0]} {key[1]}"] for key in steps}
    reference = gradients[PLAIN, size]
    errors = {key: float((value - reference).norm() / reference.norm()) for key, value in gradients.items()}
    best = {name: min(times[name, chunk].median for chunk in settings.chunks) for name in (PEER, OURS)}
    return Part(
        name="caching",
        title=f"(c) Gradient caching, {settings.small_tower} at {side} px, batch {size}",
        rows=[_row(key, times[key], size, best[PEER], errors[key]) for key in steps],
        goals=[
            Goal.most("time at the best chunk over the peer's at its best", best[OURS] / best[PEER], 1.0),
            Goal.most("largest difference of gradients, relative", max(errors.values()), 1e-4),
        ],
        notes=[
            "x: time over the peer's at its best chunk. difference: of all gradients of the tower, relative to those "
            "of the whole batch at once."
        ],
    )


def _row(key: Contender, timing: Timing, size: int, best: float, error: float) -> dict[str, object]:
    return {
        "step": key[0],
        "chunk": key[1],
        **timing.rate(size, "samples/s"),
        "x": timing.median / best,
        "difference": error,
    }


def _ours(tower: Tower, pixels: Tensor, hub: Tensor, chunk: int | None) -> Callable[[], object]:
    step = make_step(tower, pixels.device.type, chunk_size=chunk)
    side = hub_side(hub[:, None].cpu(), torch.ones(len(hub), 1, dtype=torch.bool))
    return lambda: step(pixels, side)


def _peer(tower: Tower, pixels: Tensor, hub: Tensor, chunk: int) -> Callable[[], object]:
    model = SentenceTransformer(modules=[_Sides(tower)], device=pixels.device.type).train()
    loss = CachedMultipleNegativesRankingLoss(
        model,
        scale=1 / TEMPERATURE,
        mini_batch_size=chunk,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    optimizer = torch.optim.AdamW(tower.parameters(), lr=0.0)

    def step() -> None:
        loss([{"pixels": pixels}, {"vectors": hub}], torch.empty(0)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _gradient(tower: Tower, step: Callable[[], object]) -> Tensor:
    """All gradients of the tower as the optimiser finds them."""
    found: list[Tensor] = []

    def note(*_: object) -> None:
        found.append(torch.cat([weight.grad.flatten() for weight in tower.parameters() if weight.grad is not None]))

    handle = register_optimizer_step_pre_hook(note)
    step()
    handle.remove()
    (gradient,) = found
    return gradient

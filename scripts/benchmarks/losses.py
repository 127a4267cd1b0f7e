"""(a) One loss, forward and backward, against open_clip's and the plain formula: time, memory, exactness.

The tower's vectors and the scale require gradients; the hub's do not, because it is frozen.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from open_clip.loss import ClipLoss, SigLipLoss
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from benchmarks.measure import Run, Step, compare_alone
from benchmarks.report import Goal, Part
from benchmarks.settings import Settings
from binder.config import LossConfig
from binder.hub.precision import has_bfloat16
from binder.losses import info_nce, sigmoid_loss

DIM, SCALE, BIAS = 512, 1 / 0.07, -10.0
KEPT = LossConfig().memory_mib * 2**20
SLOW_BEYOND = 8192  # bfloat16 products on a CPU without units for them: 5 times slower than float32
CLIP, SIGLIP = "ClipLoss", "SigLipLoss"
TILED, BUDGET = "binder, tiled", "binder"
SIGMOID = "binder, sigmoid"
TILED_BF16, BUDGET_BF16 = "binder, tiled, bf16 products", "binder, bf16 products"


def formula(tower: Tensor, hub: Tensor, scale: Tensor) -> Tensor:
    """The plain definition, two lines."""
    logits, labels = scale * tower @ hub.T, torch.arange(len(tower), device=tower.device)
    return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2


def _siglip(loss: Callable[..., Tensor], tower: Tensor, hub: Tensor, scale: Tensor) -> Tensor:
    return loss(tower, hub, scale, torch.tensor(BIAS, dtype=tower.dtype, device=tower.device))


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    CLIP: ClipLoss(),
    "two-line formula": formula,
    TILED: info_nce,
    BUDGET: partial(info_nce, memory=KEPT),
    TILED_BF16: partial(info_nce, products_in=torch.bfloat16),
    BUDGET_BF16: partial(info_nce, products_in=torch.bfloat16, memory=KEPT),
    SIGLIP: partial(_siglip, SigLipLoss()),
    SIGMOID: partial(_siglip, sigmoid_loss),
}


def build(name: str, size: int, device: str) -> Step:
    """One forward and backward pass of a loss over `size` pairs."""
    tower, hub, scale = make_inputs(size, device)

    def step() -> None:
        LOSSES[name](tower, hub, scale).backward()
        tower.grad = scale.grad = None

    return step


def make_inputs(size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Unit vectors of tower (near their partners, as after some training) and hub, and the scale."""
    generator = torch.Generator().manual_seed(0)
    tower, hub = (torch.randn(size, DIM, generator=generator) for _ in range(2))
    normalize(hub, dim=1, out=hub)  # in place: copies would raise the mark that memory is measured from
    tower.mul_(DIM**-0.5).add_(hub)
    normalize(tower, dim=1, out=tower)
    scale = torch.tensor(SCALE, device=device, requires_grad=True)
    return tower.to(device).requires_grad_(), hub.to(device), scale


def gradient_errors(size: int, device: str) -> dict[str, float]:
    """|gradient - float64 gradient| / |float64 gradient|, of the tower's vectors."""
    errors = {}
    for name, loss in LOSSES.items():
        tower, hub, scale = make_inputs(size, device)
        loss(tower, hub, scale).backward()
        exact, constants = tower.detach().double().requires_grad_(), (hub.double(), scale.detach().double())
        reference = LOSSES[SIGLIP] if peer_of(name) == SIGLIP else formula
        reference(exact, *constants).backward()
        assert tower.grad is not None and exact.grad is not None
        errors[name] = float((tower.grad - exact.grad).norm() / exact.grad.norm())
    return errors


def run(settings: Settings) -> Part:
    """The table."""
    units = has_bfloat16(torch.device(settings.device))

    def excuse(name: str, size: int) -> str:
        slow = "bf16" in name and not units and size > SLOW_BEYOND
        return "not run: no bf16 units" if slow else ""

    sizes, check = settings.loss_sizes, min(2048, max(settings.loss_sizes))
    runs = compare_alone(build, list(LOSSES), sizes, excuse=excuse, **settings.measuring)
    errors = gradient_errors(check, settings.device)
    return Part(
        name="losses",
        title=f"(a) Loss, forward + backward, D = {DIM}; the tower's vectors and the scale require gradients",
        rows=[_row(name, size, runs, errors[name]) for size in sizes for name in LOSSES],
        goals=_goals(runs, sizes, errors, units),
        notes=[
            f"binder keeps up to {KEPT // 2**20} MiB of logits (loss.memory_mib); tiled, it keeps none.",
            "x, memory x: over the open_clip loss of the same kind. memory: growth of a process of its own.",
            f"gradient error: relative, against float64, at N = {check}.",
        ],
    )


def peer_of(name: str) -> str:
    """The open_clip loss that a loss is compared with."""
    return SIGLIP if name in (SIGLIP, SIGMOID) else CLIP


def _row(name: str, size: int, runs: dict[tuple[str, int], Run], error: float) -> dict[str, Any]:
    mine, peer = runs[name, size], runs[peer_of(name), size]
    if mine.timing is None:
        return {"N": size, "loss": name, "note": mine.left_out}
    both = peer.timing is not None
    return {
        "N": size,
        "loss": name,
        "seconds": mine.timing.median,
        "low": mine.timing.low,
        "high": mine.timing.high,
        "x": mine.timing.median / peer.timing.median if both else None,
        "memory MB": mine.peak / 1e6,
        "memory x": mine.peak / peer.peak if both and peer.peak else None,
        "gradient error": error,
    }


def _goals(
    runs: dict[tuple[str, int], Run], sizes: tuple[int, ...], errors: dict[str, float], units: bool
) -> list[Goal]:
    large = [size for size in sizes if size >= 4096] or list(sizes)

    def worst(name: str, value: Callable[[Run], float]) -> float | None:
        pairs = [(runs[name, size], runs[CLIP, size]) for size in large]
        ratios = [value(mine) / value(peer) for mine, peer in pairs if mine.timing and peer.timing and value(peer)]
        return max(ratios, default=None)

    def seconds(run: Run) -> float:
        return run.timing.median if run.timing else 0.0

    last = runs[TILED, sizes[-1]].peak / (runs[CLIP, sizes[-1]].peak or math.inf)
    over = f"worst time over ClipLoss, N >= {large[0]}"
    three = "keeping nothing takes 3 matrix products where ClipLoss takes 4"
    slow = "" if units else "no units for bfloat16 here: its products are slower than those of float32"
    return [
        Goal.most(f"{BUDGET}: {over}", worst(BUDGET, seconds), 0.50),
        Goal.most(f"{TILED}: {over}", worst(TILED, seconds), 0.50, cause=three),
        Goal.most(f"{BUDGET_BF16}: {over}", worst(BUDGET_BF16, seconds), 0.25, cause=slow),
        Goal.most("gradient error over ClipLoss's", errors[BUDGET] / errors[CLIP], 1.0),
        Goal.most(f"memory of {TILED} over ClipLoss's at N = {sizes[-1]}", last or None, 0.02),
    ]

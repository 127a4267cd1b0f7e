"""(d) Bank negatives: what the loss of one step costs, by the number of hub items in the bank."""

import torch
from torch.nn.functional import cross_entropy, normalize

from benchmarks.measure import Step, compare_alone
from benchmarks.report import Goal, Part
from benchmarks.settings import SEED, Settings
from binder.config import LossConfig
from binder.losses import Bank, HubSide, Objective

DIM, BATCH, TEMPERATURE = 512, 32, 0.07
OURS, FORMULA, BATCH_ONLY = "binder, bank", "formula on the bank", "binder, batch negatives"


def build(name: str, size: int, device: str) -> Step:
    """Loss of one step, forward and backward; the tower's vectors are given."""
    generator = torch.Generator().manual_seed(SEED)
    items = torch.randn(size, DIM, generator=generator)
    normalize(items, dim=1, out=items)
    chosen = torch.arange(BATCH)
    tower = normalize(items[chosen] + torch.randn(BATCH, DIM, generator=generator) / DIM**0.5, dim=1)
    tower = tower.to(device).requires_grad_()
    if name == FORMULA:
        return _formula(tower, items.to(device), chosen.to(device))
    config = LossConfig(
        negatives="bank" if name == OURS else "batch", temperature=TEMPERATURE, direction="to_hub", mask_above=None
    )
    keys = torch.arange(size)[:, None]
    banks = [Bank.build(items, keys, config, hub="", table="").to(device)] if name == OURS else []
    objective = Objective(config, banks, num_negatives=size - 1).to(device)
    side = HubSide(
        targets=items[chosen, None].to(device),
        present=torch.ones(BATCH, 1, dtype=torch.bool, device=device),
        keys=keys[chosen, None].to(device),
        items=chosen[:, None].to(device),
    )

    def step() -> torch.Tensor:
        tower.grad = None
        loss = objective(tower, side)
        loss.backward()
        return loss.detach()

    return step


def _formula(tower: torch.Tensor, items: torch.Tensor, chosen: torch.Tensor) -> Step:
    def step() -> torch.Tensor:
        tower.grad = None
        loss = cross_entropy(tower @ items.T / TEMPERATURE, chosen)
        loss.backward()
        return loss.detach()

    return step


def run(settings: Settings) -> Part:
    """The table."""
    names, sizes = [BATCH_ONLY, OURS, FORMULA], settings.bank_sizes
    runs = compare_alone(build, names, sizes, **settings.measuring)
    equal = {size: float(abs(build(OURS, size, "cpu")() - build(FORMULA, size, "cpu")())) for size in sizes[:2]}
    rows = []
    for size in sizes:
        for name in names:
            timing = runs[name, size].timing
            if timing is None:
                rows.append({"items": size, "loss": name, "note": runs[name, size].left_out})
                continue
            rows.append(
                {
                    "items": size,
                    "loss": name,
                    "ms a step": 1e3 * timing.median,
                    "low": 1e3 * timing.low,
                    "high": 1e3 * timing.high,
                    "us an item": 1e6 * timing.median / size,
                    "memory MB": runs[name, size].peak / 1e6,
                }
            )
    return Part(
        name="bank",
        title=f"(d) Bank negatives, tower -> hub, batch {BATCH}, D = {DIM}: loss forward + backward of a step",
        rows=rows,
        goals=[Goal.most("|loss - loss of the formula|", max(equal.values()), 1e-5)],
        notes=["memory: growth during the step, beside the bank itself (4 D bytes an item, twice with its targets)."],
    )

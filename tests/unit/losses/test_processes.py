"""Two and three processes over gloo compute the loss and the gradients of one."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from binder.config import LossConfig
from binder.losses import Bank, HubSide, Objective

DIM, ANCHORS = 4, 2

SETTINGS: list[dict[str, Any]] = [
    {},
    {"soft": 0.3, "matryoshka": (3,), "direction": "from_hub"},
    {"negatives": "bank", "soft": 0.2},
    {"negatives": "hard", "hard_negatives": 2},
    {"kind": "sigmoid"},
    {"kind": "sigmoid", "negatives": "bank"},
]


def _configs() -> list[LossConfig]:
    return [LossConfig(**{"mask_above": 0.9, "temperature": 0.1, **settings}) for settings in SETTINGS]


def _world_of(config: LossConfig) -> tuple[torch.Tensor, HubSide, list[Bank]]:
    """Seven samples and two anchors; the second is present in the last two samples only."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    items = normalize(torch.randn(9, DIM, generator=generator, dtype=torch.float64), dim=-1)
    items[5:7] = normalize(items[:2] + 0.05 * items[7:9], dim=-1)  # near duplicates
    keys = torch.stack([torch.arange(9), torch.tensor([0, 1, 0, 2, 3, 3, 4, 5, 6])], dim=1)
    chosen = torch.tensor([0, 5, 2, 1, 2, 6, 8])
    present = torch.ones(7, ANCHORS, dtype=torch.bool)
    present[:5, 1] = False
    side = HubSide(
        targets=items[chosen, None].repeat(1, ANCHORS, 1),
        present=present,
        keys=keys[chosen, None].repeat(1, ANCHORS, 1),
        items=chosen[:, None].repeat(1, ANCHORS),
    )
    banks = [Bank.build(items, keys, config, hub="hub", table="table") for _ in range(ANCHORS)]
    return x, side, [] if config.negatives == "batch" else banks


def _tower() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(6, DIM).double()


def _run(tower: nn.Module, config: LossConfig, rows: slice) -> dict[str, torch.Tensor]:
    """Loss and gradients of the tower and of the objective's own parameters."""
    x, side, banks = _world_of(config)
    objective = Objective(config, banks, num_negatives=6).double()
    part = HubSide(**{name: value[rows] for name, value in vars(side).items()})
    loss = objective(normalize(tower(x[rows]), dim=-1), part)
    loss.backward()
    found = {
        "loss": loss.detach(),
        **{f"own.{n}": w.grad for n, w in objective.named_parameters() if w.grad is not None},
    }
    return found | {n.removeprefix("module."): w.grad for n, w in tower.named_parameters() if w.grad is not None}


def _worker(rank: int, world: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    starts = [0, 4, 7] if world == 2 else [0, 3, 3, 7]  # uneven; one of three processes has nothing at all
    for number, config in enumerate(_configs()):
        found = _run(DistributedDataParallel(_tower()), config, slice(starts[rank], starts[rank + 1]))
        for name, value in found.items():
            if name == "loss" or name.startswith("own."):  # DDP averages the tower's; the trainer averages these
                dist.all_reduce(value)
                value /= world
        save_file(found, f"{folder}/{number}-{rank}.safetensors")
    dist.destroy_process_group()


@pytest.mark.parametrize("world", [2, 3])
def test_processes_equal_one_in_loss_and_gradients(tmp_path: Path, world: int) -> None:
    mp.spawn(_worker, args=(world, str(tmp_path)), nprocs=world)
    for number, config in enumerate(_configs()):
        expected = _run(_tower(), config, slice(0, 7))
        assert len(expected) == 4 + (config.kind == "sigmoid")
        for rank in range(world):
            found = load_file(tmp_path / f"{number}-{rank}.safetensors")
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-9, msg=f"{config} {name}")

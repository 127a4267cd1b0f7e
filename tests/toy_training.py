"""Training on the toys: a side, a trainer, a run. For tests of the train room, in one process or several."""

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import DistributedType
from rich.console import Console
from torch import nn
from toys import Toy, ToyEncoder, ToyHub, toy_samples, toy_table

from binder.config import LossConfig, TrainConfig
from binder.hub.cache import build_hub_cache
from binder.hub.targets import HubTargets, cached_targets, live_targets
from binder.registry import create_modality
from binder.run.sides import pair_keys
from binder.towers import build_tower
from binder.train import Side, TowerTrainer, start_engine
from binder.train.engine import sharding
from binder.train.journal import read_journal
from binder.train.loader import TrainBatch

LOSS = LossConfig(temperature=0.1)
CONFIG = TrainConfig(epochs=4, batch_size=8, lr=0.01, average=0.9, save_every=3, workers=0)


def toy_side(hub: ToyHub, folder: Path, *, live: bool = False, seed: int = 0, num_rows: int = 40) -> Side:
    """Rows of the toy table beside their hub vectors, cached under `folder` or live."""
    table = toy_table(num_rows, seed=seed)
    specs = {"text": create_modality("text")}
    targets: HubTargets
    if live:
        targets = live_targets(hub, table, specs)
    else:
        cache = build_hub_cache(hub, table, "text", specs["text"], folder / "hub", on_error="raise")
        targets = cached_targets({"text": cache})
    return Side(
        table=table,
        samples=toy_samples(table),
        targets=targets,
        keys=pair_keys(table, ["text"], "label"),
        rows=np.arange(len(table)),
        hub=hub.fingerprint,
    )


class Block(nn.Module):
    """One of an encoder's blocks, as `find_blocks` counts them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.inner(x))


class BlockEncoder(nn.Module):
    """The toy's encoder and two blocks after it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks = ToyEncoder(), nn.Sequential(Block(16), Block(16))
        self.width = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.stem(x))


def toy_trainer(
    folder: Path,
    *,
    live: bool = False,
    config: TrainConfig = CONFIG,
    fingerprint: str = "f",
    loss: LossConfig = LOSS,
    dropout: float = 0.2,
    engine: Accelerator | None = None,
    encoder: str = "default",
    console: Console | None = None,
    **sides: Any,
) -> TowerTrainer:
    """A trainer that writes into FOLDER/run; `train` and `validation` may be given."""
    hub, tower = ToyHub(), build_tower(Toy(), ToyHub().dim, encoder={"name": encoder}, seed=3)
    for module in tower.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
    return TowerTrainer(
        tower,
        train=sides.get("train") or toy_side(hub, folder, live=live),
        validation=sides.get("validation", toy_side(hub, folder, live=live, seed=1, num_rows=16)),
        config=config,
        loss=loss,
        folder=folder / "run",
        seed=5,
        fingerprint=fingerprint,
        accelerator=engine or start_engine(config.precision, cpu=True),
        console=console,
    )


def step_losses(folder: Path) -> list[float]:
    """The loss curve of the run in FOLDER/run."""
    return [event["loss"] for event in read_journal(folder / "run") if event["event"] == "step"]


class Stopped(BaseException):
    """Ends a run where no code expects it."""


def stop_at(trainer: TowerTrainer, step: int, *, resume: bool = False) -> dict[str, torch.Tensor]:
    """Run until `step` updates are done, and die; returns the weights at that moment."""
    update = trainer._update

    def dying(drawn: TrainBatch) -> float:
        if trainer.progress.step == step:
            raise Stopped
        return update(drawn)

    trainer._update = dying
    try:
        trainer.run(resume=resume)
    except Stopped:
        return dict(trainer.weights.learner.state_dict())
    raise AssertionError(f"the run ended before step {step}")


def join(rank: int, world: int, folder: Path) -> None:
    """Make this process one of `world`, over gloo; they meet in `folder`, so no port is taken."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)


def leave() -> None:
    """End what `join` began; what still holds the group goes first, and no process before the others."""
    gc.collect()
    dist.barrier()
    dist.destroy_process_group()


def cutting_engine(precision: str) -> Accelerator:
    """An engine with FSDP2 on the CPU, which torch can do over gloo and Accelerate offers for GPUs alone."""
    engine = start_engine(precision, cpu=True)
    os.environ |= {
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    }  # as `accelerate launch` does
    engine.state.distributed_type = DistributedType.FSDP
    engine.state.fsdp_plugin = sharding(precision)
    return engine

"""Two processes over gloo compute the loss and the gradients of one."""

import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from binder.losses import Temperature, gather_rows, info_nce, positive_mask


class _Step(nn.Module):
    """A stand-in for `binder.train.Alignment` with a linear tower."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tower = nn.Linear(6, 4).double()
        self.temperature = Temperature(0.1).double()

    def forward(self, x: torch.Tensor, hub: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        vectors = gather_rows(normalize(self.tower(x), dim=-1))
        return info_nce(vectors, gather_rows(hub), positive_mask(gather_rows(keys)), self.temperature())


def _batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    hub = normalize(torch.randn(7, 4, generator=generator, dtype=torch.float64), dim=-1)
    return x, hub, torch.tensor([0, 1, 0, 2, 3, 3, 4])[:, None]


def _worker(rank: int, world: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    model = DistributedDataParallel(_Step())
    # rank-strided shares of 7 rows: 4 and 3, so that uneven processes are covered
    loss = model(*(part[rank::world] for part in _batch()))
    loss.backward()
    gradients = {name: weight.grad for name, weight in model.module.named_parameters()}
    save_file({"loss": loss.detach(), **gradients}, f"{folder}/rank{rank}.safetensors")
    dist.destroy_process_group()


def test_two_processes_equal_one_in_loss_and_gradients(tmp_path: Path) -> None:
    mp.spawn(_worker, args=(2, str(tmp_path)), nprocs=2)
    model = _Step()
    order = [*range(0, 7, 2), *range(1, 7, 2)]  # the order in which ranks are gathered
    x, hub, keys = _batch()
    loss = model(x[order], hub[order], keys[order])
    loss.backward()
    for rank in range(2):
        found = load_file(tmp_path / f"rank{rank}.safetensors")
        torch.testing.assert_close(found["loss"], loss.detach(), rtol=1e-12, atol=1e-12)
        for name, weight in model.named_parameters():
            torch.testing.assert_close(found[name], weight.grad, rtol=1e-10, atol=1e-12, msg=name)

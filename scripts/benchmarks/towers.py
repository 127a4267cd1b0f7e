"""What (b) and (c) share: a timm network as a tower, and a training step of it."""

import timm
import torch
from torch import Tensor, nn

from benchmarks.settings import SEED
from binder.config import LossConfig, TrainConfig
from binder.losses import HubSide, Objective
from binder.towers import Tower
from binder.train import start_engine
from binder.train.step import Step
from modalities.image import Image

DIM = 512
TEMPERATURE = 0.05


class Network(nn.Module):
    """A timm image network, its features of known width."""

    def __init__(self, name: str, side: int) -> None:
        super().__init__()
        self.body = timm.create_model(name, num_classes=0, img_size=side)
        self.width = int(self.body.num_features)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.body(pixels)


def make_tower(name: str, side: int, device: str) -> Tower:
    """The same tower every time."""
    torch.manual_seed(SEED)
    return Tower(Image(size=side), Network(name, side), DIM).to(device)


def make_step(tower: Tower, device: str, *, chunk_size: int | None = None, lr: float = 0.0) -> Step:
    """A training step of binder with plain InfoNCE; by default it moves no weight, so that every turn is the same."""
    loss = LossConfig(mask_above=None, temperature=TEMPERATURE, learn_temperature=False)
    config = TrainConfig(chunk_size=chunk_size, clip_norm=None)
    objective = Objective(loss, num_negatives=1).to(device)
    return Step(
        tower, objective, torch.optim.AdamW(tower.parameters(), lr=lr), config, start_engine("no", cpu=device == "cpu")
    )


def hub_side(targets: Tensor, present: Tensor) -> HubSide:
    """What the hub says of a batch whose samples have nothing in common."""
    numbers = torch.arange(len(targets))[:, None]
    return HubSide(targets=targets, present=present, keys=numbers[..., None], items=torch.full_like(numbers, -1))

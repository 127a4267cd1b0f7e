"""Gradient caching equals the plain batch; the objective's settings reach the trainer."""

import pytest
import torch
from torch import Tensor, nn
from toys import Toy, ToyHub

from binder.config import LossConfig, TrainConfig
from binder.losses import HubSide, Objective
from binder.towers import Tower, build_tower
from binder.train import start_engine
from binder.train.step import Step
from binder.types import Batch

PAIRS = 7


class _Named(nn.Module):
    """An encoder of a dict batch, to split one."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.width = encoder, encoder.width

    def forward(self, batch: Batch) -> Tensor:
        assert isinstance(batch, dict)
        return self.encoder(batch["x"])


def _step(chunk_size: int | None, *, named: bool) -> tuple[Step, Tower, Batch, HubSide]:
    hub = ToyHub()
    tower = build_tower(Toy(), hub.dim, seed=3)
    if named:
        tower.encoder = _Named(tower.encoder)
    objective = Objective(LossConfig(temperature=0.1, soft=0.2), num_negatives=PAIRS - 1)
    optimizer = torch.optim.SGD(tower.parameters(), lr=0.1)
    config = TrainConfig(chunk_size=chunk_size, clip_norm=None)
    x = torch.stack([Toy().transform(Toy().synthetic(seed)) for seed in range(PAIRS)])
    generator = torch.Generator().manual_seed(0)
    side = HubSide(
        targets=nn.functional.normalize(torch.randn(PAIRS, 1, hub.dim, generator=generator), dim=-1),
        present=torch.ones(PAIRS, 1, dtype=torch.bool),
        keys=torch.arange(PAIRS)[:, None, None],
        items=torch.full((PAIRS, 1), -1),
    )
    step = Step(tower.eval(), objective, optimizer, config, start_engine("no", cpu=True))  # no dropout
    return step, tower, {"x": x} if named else x, side


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("chunk_size", [1, 3, 6])
def test_gradient_caching_updates_like_the_plain_batch(chunk_size: int, named: bool) -> None:
    step, tower, batch, side = _step(chunk_size, named=named)
    plain_step, plain_tower, _, _ = _step(None, named=named)
    before = {name: weight.clone() for name, weight in tower.state_dict().items()}
    assert step(batch, side) == pytest.approx(plain_step(batch, side), rel=1e-6)
    for name, weight in tower.state_dict().items():
        torch.testing.assert_close(weight, plain_tower.state_dict()[name], rtol=1e-5, atol=1e-7, msg=name)
    assert any(not torch.equal(before[name], weight) for name, weight in tower.state_dict().items())
    torch.testing.assert_close(step.objective.temperature.log_scale, plain_step.objective.temperature.log_scale)


def test_both_passes_of_gradient_caching_see_the_same_dropout() -> None:
    """With a dropout between them, two passes that differed would give another gradient than the replayed one."""
    step, tower, batch, side = _step(3, named=False)
    tower.encoder = nn.Sequential(tower.encoder, nn.Dropout(0.5))
    tower.train()
    torch.manual_seed(11)
    seen: list[Tensor] = []
    tower.encoder.register_forward_hook(lambda _, __, output: seen.append(output.detach().clone()))
    step(batch, side)
    assert len(seen) == 5  # three chunks: the last one keeps its graph
    for first, second in zip(seen[:2], seen[3:], strict=True):
        assert torch.equal(first, second)
    following = torch.rand(3)
    torch.manual_seed(11)
    with torch.no_grad():
        for chunk in batch.split(3):
            tower(chunk)
    assert torch.equal(torch.rand(3), following)  # as if the batch had been seen once: no dropout comes back

"""The objective against full matrices in float64, for every setting; and what it refuses."""

from typing import Any

import pytest
import torch
from loss_oracle import dense_loss
from torch.nn.functional import normalize

from binder.config import LossConfig
from binder.losses import Bank, HubSide, Objective

ITEMS, PAIRS, DIM = 13, 7, 6

SETTINGS: list[dict[str, Any]] = [
    {"mask_above": None},
    {},
    {"direction": "to_hub"},
    {"direction": "from_hub"},
    {"soft": 0.3},
    {"matryoshka": (4, 2)},
    {"negatives": "bank", "mask_above": None},
    {"negatives": "bank"},
    {"negatives": "bank", "soft": 0.3, "direction": "to_hub"},
    {"negatives": "bank", "soft": 0.3, "matryoshka": (3,)},
    {"negatives": "hard", "hard_negatives": 2},
    {"negatives": "hard", "hard_negatives": 2, "soft": 0.2},
    {"kind": "sigmoid"},
    {"kind": "sigmoid", "negatives": "bank", "matryoshka": (4,)},
    {"kind": "sigmoid", "negatives": "hard", "hard_negatives": 3},
]


def make_case(config: LossConfig) -> tuple[torch.Tensor, HubSide, list[Bank]]:
    """Seven pairs over thirteen hub items, some of them near duplicates (cosine above .9), some of one label."""
    generator = torch.Generator().manual_seed(3)
    items = normalize(torch.randn(ITEMS, DIM, generator=generator, dtype=torch.float64), dim=1)
    items[5:8] = normalize(items[:3] + 0.05 * items[8:11], dim=1)
    keys = torch.stack([torch.arange(ITEMS), torch.tensor([0, 1, 2, 2, -1, 5, 1, 6, 7, 7, 8, -1, 9])], dim=1)
    chosen = torch.tensor([0, 5, 6, 1, 2, 2, 12])
    x = normalize(items[chosen] + torch.randn(PAIRS, DIM, generator=generator, dtype=torch.float64) / 2, dim=1)
    side = HubSide(
        targets=items[chosen][:, None],
        present=torch.ones(PAIRS, 1, dtype=torch.bool),
        keys=keys[chosen][:, None],
        items=chosen[:, None],
    )
    bank = Bank.build(items, keys, config, hub="hub", table="table")
    return x, side, [] if config.negatives == "batch" else [bank]


def objective_of(config: LossConfig, banks: list[Bank]) -> Objective:
    return Objective(config, banks, num_negatives=PAIRS - 1).double()


def _gallery(config: LossConfig, side: HubSide, banks: list[Bank]) -> tuple[torch.Tensor, torch.Tensor] | None:
    if config.negatives == "batch":
        return None
    chosen = torch.arange(ITEMS)
    if config.negatives == "hard":
        chosen = torch.unique(torch.cat([side.items[:, 0], banks[0].neighbours[side.items[:, 0]].flatten()]))
        assert len(chosen) < ITEMS
    return banks[0].vectors[0][chosen], banks[0].keys[chosen]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_setting_equals_its_definition_in_value_and_gradient(settings: dict[str, Any]) -> None:
    config = LossConfig(**{"mask_above": 0.9, **settings})
    x, side, banks = make_case(config)
    ours, reference = x.clone().requires_grad_(), x.clone().requires_grad_()
    objective = objective_of(config, banks)
    loss = objective(ours, side)
    scale = objective.temperature().detach().requires_grad_()
    bias = float(objective.bias.detach()) if config.kind == "sigmoid" else 0.0
    expected = dense_loss(
        reference, side.targets[:, 0], side.keys[:, 0], config, scale, bias, _gallery(config, side, banks)
    )
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-7)  # positives are counted in float32
    torch.testing.assert_close(ours.grad, reference.grad, rtol=1e-5, atol=1e-7)
    slope = scale.grad * float(scale.detach())  # d/d log(scale)
    torch.testing.assert_close(objective.temperature.log_scale.grad, slope, rtol=1e-5, atol=1e-7)


def test_the_mask_and_the_soft_targets_change_the_loss() -> None:
    """Else the equalities above could hold for a mask that masks nothing."""
    values = {}
    for name, settings in {"plain": {"mask_above": None}, "mask": {}, "soft": {"soft": 0.3}}.items():
        config = LossConfig(**{"mask_above": 0.9, **settings})
        x, side, banks = make_case(config)
        values[name] = objective_of(config, banks)(x, side).item()
    assert len({round(value, 6) for value in values.values()}) == 3


def test_anchors_are_averaged_over_those_that_occur() -> None:
    config = LossConfig()
    x, side, _ = make_case(config)
    present = torch.ones(PAIRS, 3, dtype=torch.bool)
    present[:, 1] = False
    present[:4, 2] = False
    wide = HubSide(
        targets=side.targets.repeat(1, 3, 1),
        present=present,
        keys=side.keys.repeat(1, 3, 1),
        items=side.items.repeat(1, 3),
    )
    part = HubSide(**{name: value[4:] for name, value in vars(side).items()})
    objective = objective_of(config, [])
    expected = (objective(x, side) + objective(x[4:], part)) / 2
    torch.testing.assert_close(objective(x, wide), expected)


def test_a_lone_pair_needs_a_bank() -> None:
    for negatives in ("batch", "bank"):
        config = LossConfig(negatives=negatives, direction="to_hub")
        x, side, banks = make_case(config)
        one = HubSide(**{name: value[:1] for name, value in vars(side).items()})
        if negatives == "batch":
            with pytest.raises(ValueError, match="no negatives"):
                objective_of(config, banks)(x[:1], one)
        else:
            assert objective_of(config, banks)(x[:1], one).item() > 0

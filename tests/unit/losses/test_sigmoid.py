"""The sigmoid loss against open_clip's SigLipLoss and the definition by loops."""

import math

import pytest
import torch
from open_clip.loss import SigLipLoss
from torch.nn.functional import normalize

from binder.losses import Positives, sigmoid_loss
from binder.losses.temperature import initial_bias
from binder.losses.tiles import Pairs


def _unit(rows: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def _numbers(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]


@pytest.mark.usefixtures("small_tiles")
def test_tiled_loss_equals_open_clip_in_value_and_gradient() -> None:
    ours, peers = ([_unit(7, 0).requires_grad_(), _unit(7, 1).requires_grad_(), *_numbers(10.0, -2.0)] for _ in "ab")
    loss, expected = 3 * sigmoid_loss(*ours), 3 * SigLipLoss()(*peers)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(ours, peers, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("small_tiles")
def test_many_positives_and_excluded_places_equal_the_definition() -> None:
    rows, items = _unit(5, 0), _unit(5, 1)
    labels = torch.tensor([0, 1, 0, 2, 2])
    positives = Positives(labels[:, None])
    pairs = Pairs(torch.tensor([0, 4]), torch.tensor([1, 0]))
    found = sigmoid_loss(
        rows, items, *_numbers(4.0, -1.0), positives=positives.sums(items), counts=positives.counts, exclude=pairs
    )
    total = 0.0
    for i in range(5):
        for j in range(5):
            if (i, j) not in ((0, 1), (4, 0)):
                sign = 1 if labels[i] == labels[j] else -1
                total += math.log(1 + math.exp(-sign * (4 * float(rows[i] @ items[j]) - 1)))
    assert found.item() == pytest.approx(total / 5, rel=1e-10)


def test_the_first_bias_expects_one_match_a_row() -> None:
    """With b = -log(n), n pairs at logit b have an expected n / (1 + n), about one, match."""
    assert 1000 / (1 + math.exp(-initial_bias(1000))) == pytest.approx(1, abs=2e-3)
    assert initial_bias(32767) == pytest.approx(-10.4, abs=0.01)  # SigLIP's -10


def test_a_single_item_is_refused() -> None:
    with pytest.raises(ValueError, match="no negatives"):
        sigmoid_loss(_unit(1, 0), _unit(1, 1), *_numbers(4.0, -1.0))

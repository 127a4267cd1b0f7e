"""The sigmoid loss against open_clip's SigLipLoss and the definition by loops."""

import math

import pytest
import torch
from loss_oracle import assert_same_loss_and_gradients, unit_vectors
from open_clip.loss import SigLipLoss

from binder.losses import Positives, sigmoid_loss
from binder.losses.temperature import initial_bias
from binder.losses.tiles import Pairs


def _numbers(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]


@pytest.mark.usefixtures("small_tiles")
def test_tiled_loss_equals_open_clip_in_value_and_gradient() -> None:
    ours, peers = (
        [unit_vectors(7, 5, 0).requires_grad_(), unit_vectors(7, 5, 1).requires_grad_(), *_numbers(10.0, -2.0)]
        for _ in "ab"
    )
    assert_same_loss_and_gradients(3 * sigmoid_loss(*ours), ours, 3 * SigLipLoss()(*peers), peers)


@pytest.mark.usefixtures("small_tiles")
def test_many_positives_and_excluded_places_equal_the_definition() -> None:
    rows, items = unit_vectors(5, 5, 0), unit_vectors(5, 5, 1)
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
        sigmoid_loss(unit_vectors(1, 5, 0), unit_vectors(1, 5, 1), *_numbers(4.0, -1.0))

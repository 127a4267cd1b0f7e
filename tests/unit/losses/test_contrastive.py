"""InfoNCE against open_clip's ClipLoss, the definition by loops, and closed forms."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from loss_oracle import assert_same_loss_and_gradients, unit_vectors
from open_clip.loss import ClipLoss
from torch.nn.functional import normalize

from binder.losses import Positives, Temperature, info_nce, logsumexp_both
from binder.losses.tiles import Pairs


def _scale(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _by_loops(a: torch.Tensor, b: torch.Tensor, keys: torch.Tensor, scale: float) -> float:
    """Khosla et al. 2020, eq. 2, in both directions, written out."""

    def one_way(query: torch.Tensor, gallery: torch.Tensor) -> float:
        total = 0.0
        for i in range(len(query)):
            scores = [scale * float(query[i] @ item) for item in gallery]
            normaliser = math.log(sum(math.exp(score) for score in scores))
            answers = [j for j in range(len(gallery)) if i == j or keys[i] == keys[j] >= 0]
            total += -sum(scores[j] - normaliser for j in answers) / len(answers)
        return total / len(query)

    return (one_way(a, b) + one_way(b, a)) / 2


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("memory", [0, 250, 10**6])  # nothing kept, two tiles kept, all kept
@pytest.mark.parametrize("scale", [1.0, 1 / 0.07, 100.0])
def test_tiled_loss_equals_open_clip_in_value_and_gradient(scale: float, memory: int) -> None:
    sides = [
        (unit_vectors(7, 5, 0).requires_grad_(), unit_vectors(7, 5, 1).requires_grad_(), _scale(scale).requires_grad_())
        for _ in "ab"
    ]
    ours, peers = sides
    assert_same_loss_and_gradients(info_nce(*ours, memory=memory), ours, ClipLoss()(*peers), peers)


@pytest.mark.usefixtures("small_tiles")
def test_float32_is_as_exact_as_open_clip() -> None:
    """Both against float64, at a scale whose powers need float64 sums (100) and one that does not."""
    for scale in (14.0, 100.0):
        gradients = []
        for loss in (info_nce, ClipLoss(), ClipLoss()):
            dtype = torch.float64 if len(gradients) == 2 else torch.float32
            a = unit_vectors(40, 8, 2).to(dtype).requires_grad_()
            loss(a, unit_vectors(40, 8, 3).to(dtype), torch.tensor(scale, dtype=dtype)).backward()
            gradients.append(a.grad.double())
        ours, peers, exact = gradients
        assert (ours - exact).abs().max() <= 2 * (peers - exact).abs().max() + 1e-8


@pytest.mark.parametrize("memory", [0, 10**6])
def test_gradients_stay_exact_late_in_training(memory: int) -> None:
    """Partners at probabilities above .999: what is left of p - 1 must not drown in the rounding of p."""
    b = unit_vectors(64, 64, 3).float()
    start = normalize(b + 0.1 * unit_vectors(64, 64, 4), dim=1).float()

    def gradient(loss: Callable[..., torch.Tensor], dtype: torch.dtype, **options: Any) -> torch.Tensor:
        a = start.to(dtype, copy=True).requires_grad_()
        value = loss(a, b.to(dtype), torch.tensor(14.0, dtype=dtype), **options)
        value.backward()
        assert value.item() < 1e-3
        return a.grad.double()

    exact = gradient(info_nce, torch.float64)
    ours, rough, peers = (
        (found - exact).norm() / exact.norm()
        for found in (
            gradient(info_nce, torch.float32, memory=memory),
            gradient(info_nce, torch.float32, memory=memory, products_in=torch.bfloat16),
            gradient(ClipLoss(), torch.float32),
        )
    )
    assert ours < 1.5 * peers < 1e-3
    assert rough < 0.1  # bfloat16 has three digits; of p - 1 itself there would be none left


@pytest.mark.usefixtures("small_tiles")
def test_only_the_side_that_asks_gets_a_gradient_and_a_given_direction_counts_alone() -> None:
    a, b = unit_vectors(5, 4, 0).requires_grad_(), unit_vectors(5, 4, 1)
    for direction, dim in (("to_hub", 1), ("from_hub", 0)):
        a.grad = None
        loss = info_nce(a, b, _scale(3.0), direction=direction)
        expected = -(3 * a @ b.T).log_softmax(dim).diagonal().mean()
        torch.testing.assert_close(loss, expected)
        (reference,) = torch.autograd.grad(expected, a)
        loss.backward()
        torch.testing.assert_close(a.grad, reference)
        assert b.grad is None


@pytest.mark.usefixtures("small_tiles")
def test_excluded_places_are_in_neither_sum() -> None:
    a, b = unit_vectors(7, 4, 0).requires_grad_(), unit_vectors(9, 4, 1).requires_grad_()
    pairs = Pairs(torch.tensor([0, 0, 6, 3, 2]), torch.tensor([8, 1, 0, 4, 3]))
    rows, columns = logsumexp_both(a, b, _scale(5.0), exclude=pairs)
    logits = 5 * a @ b.T
    for i, j in zip(pairs.rows, pairs.columns, strict=True):
        logits = logits.index_put((i, j), torch.tensor(-torch.inf, dtype=torch.float64))
    torch.testing.assert_close(rows, logits.logsumexp(1))
    torch.testing.assert_close(columns, logits.logsumexp(0))
    ours = torch.autograd.grad((rows * torch.arange(7)).sum() + columns.square().sum(), (a, b))
    expected = torch.autograd.grad(
        (logits.logsumexp(1) * torch.arange(7)).sum() + logits.logsumexp(0).square().sum(), (a, b)
    )
    torch.testing.assert_close(ours, expected)


def test_a_column_whose_places_are_all_excluded_leaves_the_rows_alone() -> None:
    """A batch's only sample and its near-duplicate in the bank: nothing to sum up there, and no loss that asks."""
    a, b = unit_vectors(1, 4, 0).requires_grad_(), unit_vectors(5, 4, 1)
    rows, _ = logsumexp_both(a, b, _scale(5.0), exclude=Pairs(torch.tensor([0]), torch.tensor([3])))
    (ours,) = torch.autograd.grad(rows.sum(), a)
    (expected,) = torch.autograd.grad((5 * a @ b[[0, 1, 2, 4]].T).logsumexp(1).sum(), a)
    torch.testing.assert_close(ours, expected)


def test_bfloat16_products_come_close() -> None:
    a, b = unit_vectors(64, 32, 0).float().requires_grad_(), unit_vectors(64, 32, 1).float()
    rough, exact = (info_nce(a, b, torch.tensor(14.0), products_in=dtype) for dtype in (torch.bfloat16, None))
    assert rough.item() == pytest.approx(exact.item(), rel=5e-3)
    (rough_grad,), (exact_grad,) = (torch.autograd.grad(loss, a) for loss in (rough, exact))
    assert torch.cosine_similarity(rough_grad.flatten(), exact_grad.flatten(), dim=0) > 0.999


def test_vectors_that_are_not_unit_are_refused_where_sums_would_overflow() -> None:
    with pytest.raises(ValueError, match="unit vectors"):
        info_nce(100 * unit_vectors(4, 3, 0), 100 * unit_vectors(4, 3, 1), _scale(10.0))


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no negatives"):
        info_nce(unit_vectors(1, 3, 0), unit_vectors(1, 3, 1), _scale(10.0))


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4], [0, 0, 1, 1, 1], [3, 3, 3, 3, 3], [0, 1, 0, -1, -1]])
def test_many_positives_equal_the_definition(labels: list[int]) -> None:
    a, b, keys = unit_vectors(5, 4, 2), unit_vectors(5, 4, 3), torch.tensor(labels)
    positives = Positives(keys[:, None])
    to_hub = positives.sums(b) / positives.counts[:, None]
    from_hub = positives.sums(b / positives.counts[:, None])
    loss = info_nce(a, b, _scale(5.0), to_hub=to_hub, from_hub=from_hub)
    assert float(loss) == pytest.approx(_by_loops(a, b, keys, 5.0), abs=1e-6)  # counts are float32


def test_a_space_that_knows_nothing_loses_log_n() -> None:
    same = torch.ones(6, 1)
    assert float(info_nce(same, same, torch.tensor(20.0))) == pytest.approx(math.log(6))


def test_temperature_is_clamped_and_learned_only_when_asked() -> None:
    temperature = Temperature(0.07)
    assert temperature.value == pytest.approx(0.07)
    with torch.no_grad():
        temperature.log_scale.fill_(50.0)
    temperature.clamp_()
    assert temperature.value == pytest.approx(1 / 100)
    (2 * temperature()).backward()  # at the limit there still is a gradient: it can come back
    assert temperature.log_scale.grad is not None and float(temperature.log_scale.grad) > 0
    with torch.no_grad():
        temperature.log_scale.fill_(-50.0)
    temperature.clamp_()
    assert temperature.value == pytest.approx(10)
    assert not any(weight.requires_grad for weight in Temperature(0.2, learn=False).parameters())
    with pytest.raises(ValueError, match="temperature"):
        Temperature(0.001)

"""InfoNCE against open_clip's ClipLoss, the definition by loops, and closed forms."""

import math

import pytest
import torch
from open_clip.loss import ClipLoss
from torch.nn.functional import normalize

from binder.losses import Temperature, info_nce, positive_mask


def _unit(rows: int, dim: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def _by_loops(a: torch.Tensor, b: torch.Tensor, positive: torch.Tensor, scale: float) -> float:
    """Khosla et al. 2020, eq. 2, in both directions, written out."""

    def one_way(query: torch.Tensor, gallery: torch.Tensor, relevant: torch.Tensor) -> float:
        total = 0.0
        for i in range(len(query)):
            scores = [scale * float(query[i] @ item) for item in gallery]
            normaliser = math.log(sum(math.exp(score) for score in scores))
            answers = [j for j in range(len(gallery)) if relevant[i, j]]
            total += -sum(scores[j] - normaliser for j in answers) / len(answers)
        return total / len(query)

    return (one_way(a, b, positive) + one_way(b, a, positive.T)) / 2


@pytest.mark.parametrize("scale", [1.0, 1 / 0.07, 100.0])
def test_one_positive_each_equals_open_clip_in_value_and_gradient(scale: float) -> None:
    ours, peers = _unit(7, 5, 0).requires_grad_(), _unit(7, 5, 0).requires_grad_()
    hub = _unit(7, 5, 1)
    loss = info_nce(ours, hub, torch.eye(7, dtype=torch.bool), torch.tensor(scale, dtype=torch.float64))
    expected = ClipLoss()(peers, hub, torch.tensor(scale, dtype=torch.float64))
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.grad, peers.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4], [0, 0, 1, 1, 1], [3, 3, 3, 3, 3], [0, 1, 0, -1, -1]])
def test_many_positives_equal_the_definition(labels: list[int]) -> None:
    a, b = _unit(5, 4, 2), _unit(5, 4, 3)
    positive = positive_mask(torch.tensor(labels)[:, None])
    loss = info_nce(a, b, positive, torch.tensor(5.0, dtype=torch.float64))
    assert float(loss) == pytest.approx(_by_loops(a, b, positive, 5.0), abs=1e-12)


def test_a_space_that_knows_nothing_loses_log_n() -> None:
    same = torch.ones(6, 1)
    assert float(info_nce(same, same, torch.eye(6, dtype=torch.bool), torch.tensor(20.0))) == pytest.approx(math.log(6))


def test_the_order_of_pairs_does_not_matter() -> None:
    a, b, order = _unit(6, 4, 4), _unit(6, 4, 5), torch.tensor([3, 0, 5, 1, 4, 2])
    keys = torch.tensor([0, 0, 1, 2, 2, 3])[:, None]
    scale = torch.tensor(9.0, dtype=torch.float64)
    torch.testing.assert_close(
        info_nce(a, b, positive_mask(keys), scale), info_nce(a[order], b[order], positive_mask(keys[order]), scale)
    )


def test_positives_agree_on_any_rule_and_unknown_agrees_with_nothing() -> None:
    keys = torch.tensor([[0, -1], [1, 7], [0, 7], [-1, -1]])
    expected = [
        [a == b or any(x == y >= 0 for x, y in zip(p, q, strict=True)) for b, q in enumerate(keys.tolist())]
        for a, p in enumerate(keys.tolist())
    ]
    assert positive_mask(keys).tolist() == expected


def test_temperature_is_clamped_and_learned_only_when_asked() -> None:
    temperature = Temperature(0.07)
    assert temperature.value == pytest.approx(0.07)
    with torch.no_grad():
        temperature.log_scale.fill_(50.0)
    assert temperature.value == pytest.approx(1 / 100)
    assert not any(weight.requires_grad for weight in Temperature(0.2, learn=False).parameters())
    with pytest.raises(ValueError, match="temperature"):
        Temperature(0.001)

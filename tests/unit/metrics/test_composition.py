"""The forecast from two legs against simulated spaces in which its assumption holds, and does not."""

import numpy as np
import pytest

from binder.errors import MetricError
from binder.metrics import expected_hit, product_excess


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def _excess(a: np.ndarray, c: np.ndarray) -> float:
    scores = a @ c.T
    matching = np.diag(scores)
    return float(matching.mean() - (scores.sum() - matching.sum()) / (scores.size - len(scores)))


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.7), (0.6, 0.6)])
def test_independent_residuals_give_the_product(p, q) -> None:
    rng = np.random.default_rng(0)
    hub = _unit(rng.standard_normal((3000, 32)) + 0.5)  # a cone, as every real hub
    mean = hub.mean(axis=0)
    offset = _unit(rng.standard_normal(32))
    a = p * (hub - mean) + offset * 0.3 + rng.standard_normal(hub.shape) * 0.05
    c = q * (hub - mean) - offset * 0.5 + rng.standard_normal(hub.shape) * 0.05
    spread = 1 - float(mean @ mean)
    forecast = product_excess(_excess(a, hub), _excess(c, hub), spread)
    assert forecast == pytest.approx(_excess(a, c), rel=0.03)


def test_a_shared_residual_is_more_than_the_product() -> None:
    rng = np.random.default_rng(1)
    hub, shared = _unit(rng.standard_normal((1000, 32))), _unit(rng.standard_normal((1000, 32)))
    a = c = 0.6 * hub + 0.8 * shared
    spread = 1 - float(hub.mean(axis=0) @ hub.mean(axis=0))
    assert _excess(a, c) > 2 * product_excess(_excess(a, hub), _excess(c, hub), spread)


@pytest.mark.parametrize(("separation", "num"), [(0.0, 10), (2.0, 50), (4.0, 1000), (-1.0, 5)])
def test_expected_hit_is_what_drawing_gives(separation, num) -> None:
    rng = np.random.default_rng(2)
    match = rng.normal(separation, 1, 20000)
    largest = np.concatenate([rng.standard_normal((2000, num - 1)).max(axis=1) for _ in range(10)])
    assert expected_hit(separation, num) == pytest.approx((match > largest).mean(), abs=0.012)


def test_several_answers_are_the_best_of_them() -> None:
    rng = np.random.default_rng(3)
    match, other = rng.normal(1.5, 1, (20000, 4)).max(axis=1), rng.standard_normal((20000, 36)).max(axis=1)
    assert expected_hit(1.5, 40, num_relevant=4) == pytest.approx((match > other).mean(), abs=0.012)
    assert expected_hit(0.0, 40, num_relevant=4) == pytest.approx(0.1)


def test_bounds_of_the_forecast() -> None:
    assert expected_hit(3.0, 1) == pytest.approx(1)
    assert expected_hit(0.0, 1000) == pytest.approx(1 / 1000, rel=1e-3)
    assert expected_hit(40.0, 10**6) == pytest.approx(1)
    with pytest.raises(MetricError, match="no spread"):
        product_excess(0.5, 0.5, 0.0)
    with pytest.raises(MetricError, match="answers out of range"):
        expected_hit(1.0, 0)

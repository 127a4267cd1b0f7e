import math

import numpy as np
import pytest

from binder.errors import MetricError
from binder.metrics import rank_metrics
from binder.metrics.shared import SOUND, shared_score


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _hub(num_items: int, dim: int, *, seed: int = 0) -> np.ndarray:
    """Unit vectors around a common mean, as real hubs have it."""
    rng = np.random.default_rng(seed)
    return _unit(_unit(rng.normal(size=(num_items, dim))) + 0.8 * _unit(rng.normal(size=(1, dim))))


def _tower(
    hub: np.ndarray, *, alignment: float, basis: np.ndarray, rng: np.random.Generator, offset: float = 0.0
) -> np.ndarray:
    """p b + sqrt(1 - p^2) u + an offset, with u of unit norm in the span of `basis`."""
    accident = _unit(rng.normal(size=(len(hub), basis.shape[1]))) @ basis.T
    mean = offset * _unit(rng.normal(size=(1, hub.shape[1])))
    return _unit(alignment * _unit(hub - hub.mean(axis=0)) + math.sqrt(1 - alignment**2) * accident + mean)


def _hit(query: np.ndarray, gallery: np.ndarray) -> float:
    return float(rank_metrics(query @ gallery.T, np.eye(len(query), dtype=bool), (1,)).hit.mean())


def _by_loops(vectors: np.ndarray, hub: np.ndarray, relevant: np.ndarray) -> float:
    """The definition, pair by pair."""
    centre = hub.astype(float).mean(axis=0)
    alignments, residuals = [], []
    for vector, items in zip(vectors.astype(float), relevant, strict=True):
        direction = np.sum([hub[item].astype(float) - centre for item in np.flatnonzero(items)], axis=0)
        direction = direction / math.sqrt(sum(direction**2))
        alignments.append(sum(vector * direction))
        residuals.append(vector - alignments[-1] * direction)
    offset = sum(residuals) / len(residuals)
    squares = [
        sum((residuals[i] - offset) * (residuals[j] - offset)) ** 2
        for i in range(len(vectors))
        for j in range(len(vectors))
        if tuple(relevant[i]) != tuple(relevant[j])
    ]
    match = (sum(alignments) / len(alignments)) ** 2
    num_groups = len({tuple(row) for row in relevant})
    accident = math.sqrt(2 * math.log(num_groups)) * math.sqrt(sum(squares) / len(squares))
    return match / (match + accident)


@pytest.mark.parametrize("num_samples", [9, 60])  # fewer and more samples of a group than dimensions
def test_it_equals_the_definition_pair_by_pair(num_samples):
    rng = np.random.default_rng(1)
    hub = _hub(5, 6)
    relevant = np.zeros((num_samples, 5), bool)
    label = rng.integers(4, size=num_samples)  # items 3 and 4 share a label
    relevant[np.arange(num_samples), label] = True
    relevant[label == 3, 4] = True
    vectors = _unit(relevant.astype(float) @ hub + rng.normal(size=(num_samples, 6)))
    assert shared_score(vectors, hub, relevant) == pytest.approx(_by_loops(vectors, hub, relevant), rel=1e-6)


def test_closed_form_of_independent_residuals():
    num_items, dim, rank, alignment = 600, 512, 24, 0.5
    hub, rng = _hub(num_items, dim), np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(dim, rank)))[0]
    tower = _tower(hub, alignment=alignment, basis=basis, rng=rng)
    accident = math.sqrt(2 * math.log(num_items)) * (1 - alignment**2) / math.sqrt(rank)
    expected = alignment**2 / (alignment**2 + accident)
    # u has a small part along b, so that neither p nor the residual is exactly what was put in
    assert shared_score(tower, hub, np.eye(num_items, dtype=bool)) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("num_items", "dim", "rank"), [(27, 384, 10), (300, 256, 16), (1000, 512, 64)])
@pytest.mark.parametrize("alignment", [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_it_foresees_emergent_retrieval_where_retrieval_from_the_hub_always_looks_well(num_items, dim, rank, alignment):
    hub, truth = _hub(num_items, dim), np.eye(num_items, dtype=bool)
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.normal(size=(dim, rank)))[0]  # both towers' accidents lie here, independent of each other
    towers = [_tower(hub, alignment=alignment, basis=basis, rng=rng) for _ in range(2)]
    assert all(_hit(tower, hub) > 0.95 for tower in towers)
    forecast, emergent = shared_score(towers[0], hub, truth), _hit(*towers)
    assert emergent > 0.95 or forecast < 0.6
    assert emergent < 0.50 or forecast > 0.4
    assert (forecast > SOUND) == (emergent > 0.70)


def test_a_constant_offset_and_the_order_of_samples_do_not_count():
    hub, truth = _hub(200, 128), np.eye(200, dtype=bool)
    basis = np.linalg.qr(np.random.default_rng(4).normal(size=(128, 16)))[0]
    still, moved = (
        _tower(hub, alignment=0.6, basis=basis, rng=np.random.default_rng(5), offset=offset) for offset in (0.0, 1.5)
    )
    plain = shared_score(still, hub, truth)
    # the unit norm makes vectors along the offset shorter, which couples the two a little
    assert shared_score(moved, hub, truth) == pytest.approx(plain, abs=0.02)
    order = np.random.default_rng(6).permutation(200)
    assert shared_score(still[order], hub, truth[order]) == pytest.approx(plain, rel=1e-6)


def test_bounds():
    hub = _hub(50, 64)
    truth = np.eye(50, dtype=bool)
    directions = _unit(hub - hub.mean(axis=0))
    assert shared_score(directions, hub, truth) == pytest.approx(1, abs=1e-5)
    assert shared_score(-directions, hub, truth) == 0
    assert (
        shared_score(np.repeat(hub[:1], 50, axis=0), np.repeat(hub[:1], 50, axis=0), truth) == 0
    )  # a hub of one point


def test_nothing_to_confuse_and_samples_without_an_item_are_refused():
    hub = _hub(3, 8)
    with pytest.raises(MetricError, match="nothing to confuse"):
        shared_score(hub, hub, np.ones((3, 3), bool))
    with pytest.raises(MetricError, match=r"without a hub item(.|\n)*\[1\]"):
        shared_score(hub, hub, np.eye(3, dtype=bool) & (np.arange(3) != 1)[:, None])

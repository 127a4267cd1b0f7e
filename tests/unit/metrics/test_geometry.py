"""Geometry against loops and closed forms."""

import itertools
import math

import numpy as np
import pytest

from binder.errors import MetricError
from binder.metrics import (
    alignment,
    centroid_distance,
    effective_dimension,
    effective_rank,
    hubness,
    separability,
    uniformity,
)


def _unit(rng: np.random.Generator, num: int, dim: int, offset: float = 0.0) -> np.ndarray:
    values = rng.standard_normal((num, dim)) / math.sqrt(dim)
    values[:, 0] += offset
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def test_gap_of_two_opposite_points_is_two() -> None:
    point = np.eye(3, dtype=np.float32)[:1]
    assert centroid_distance(point, -point) == pytest.approx(2)
    assert centroid_distance(point, point) == 0


def test_separability_is_one_for_cones_and_half_for_one_cloud() -> None:
    rng = np.random.default_rng(0)
    apart = separability(_unit(rng, 100, 8, offset=3), _unit(rng, 100, 8, offset=-3))
    together = separability(_unit(rng, 300, 8), _unit(rng, 300, 8))
    assert apart == pytest.approx(1, abs=1e-3)
    assert together == pytest.approx(0.5, abs=0.1)
    assert separability(_unit(rng, 4, 8), _unit(rng, 300, 8)) is None


def test_alignment_and_uniformity_are_their_definitions() -> None:
    rng = np.random.default_rng(1)
    a, c = _unit(rng, 40, 5), _unit(rng, 40, 5)
    assert alignment(a, c) == pytest.approx(np.mean([np.sum((x - y) ** 2) for x, y in zip(a, c, strict=True)]))
    potentials = [math.exp(-2 * float(np.sum((x - y) ** 2))) for x, y in itertools.combinations(a, 2)]
    assert uniformity(a) == pytest.approx(math.log(np.mean(potentials)), abs=1e-5)
    assert uniformity(a[:1]) is None
    assert uniformity(np.repeat(a[:1], 5, axis=0)) == pytest.approx(0, abs=1e-5)


def test_rank_and_dimension_of_known_spectra() -> None:
    cross = np.concatenate([np.eye(6), -np.eye(6)]).astype(np.float32)  # mean zero, six equal axes
    assert effective_rank(cross) == pytest.approx(6)
    assert effective_dimension(cross) == pytest.approx(6)
    stretched = cross * np.array([2, 1, 1, 1, 1, 1], dtype=np.float32)  # variances 4, 1, 1, 1, 1, 1
    assert effective_dimension(stretched) == pytest.approx(9**2 / (16 + 5))
    share = np.array([2, 1, 1, 1, 1, 1]) / 7
    assert effective_rank(stretched) == pytest.approx(math.exp(-(share * np.log(share)).sum()))
    assert effective_rank(np.ones((4, 3), np.float32)) == effective_dimension(np.ones((4, 3), np.float32)) == 0


def test_noise_of_random_matches_is_one_over_root_dimension() -> None:
    rng = np.random.default_rng(2)
    vectors = (rng.standard_normal((4000, 20)) * np.linspace(0.1, 1, 20)).astype(np.float32)
    products = np.einsum("id,id->i", vectors[:2000], vectors[2000:])
    trace = float(vectors.var(axis=0).sum())
    assert products.std() == pytest.approx(trace / math.sqrt(effective_dimension(vectors)), rel=0.1)


def test_hubness_counts_as_a_loop_does() -> None:
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((30, 12)).astype(np.float32)
    counts = np.zeros(12)
    for row in scores:
        counts[np.argsort(-row)[:4]] += 1
    found = hubness([scores[:20], scores[20:]], k=4)
    centred = counts - counts.mean()
    assert found.skewness == pytest.approx((centred**3).mean() / (centred**2).mean() ** 1.5)
    assert found.never == (counts == 0).mean()
    assert found.largest == counts.max() / 30


def test_a_hub_item_is_seen_and_ties_are_shared() -> None:
    scores = np.zeros((10, 5), np.float32)
    even = hubness([scores], k=2)
    assert (even.skewness, even.never, even.largest) == (0, 0, pytest.approx(0.4))
    scores[:, 3] = 1
    hub = hubness([scores], k=1)
    assert (hub.never, hub.largest) == (0.8, 1)
    assert hub.skewness == pytest.approx(1.5)


def test_unusable_input_is_named() -> None:
    good = np.eye(3, dtype=np.float32)
    with pytest.raises(MetricError, match="NaN"):
        centroid_distance(good, good * np.float32(np.nan))
    with pytest.raises(MetricError, match="can't compare"):
        effective_rank(good[:0])
    with pytest.raises(MetricError, match="pairs"):
        alignment(good, good[:2])
    with pytest.raises(MetricError, match="list length"):
        hubness([good], k=4)
    with pytest.raises(MetricError, match="no queries"):
        hubness([], k=1)

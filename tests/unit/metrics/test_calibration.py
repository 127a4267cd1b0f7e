"""Match probabilities against Bayes' rule on normal scores, whose likelihood ratio is known."""

import numpy as np
import pytest
from scipy.stats import norm

from binder.errors import MetricError
from binder.metrics import calibration_error, fit_match, foresee_match

MEAN, SPREAD, APART = 0.1, 0.05, 3.0


def _scores(rng: np.random.Generator, num_match: int, num_other: int) -> tuple[np.ndarray, np.ndarray]:
    return (
        rng.normal(MEAN + APART * SPREAD, SPREAD, num_match),
        rng.normal(MEAN, SPREAD, num_other),
    )


def _truth(scores: np.ndarray, num_gallery: int) -> np.ndarray:
    match = norm.pdf(scores, MEAN + APART * SPREAD, SPREAD) / num_gallery
    other = norm.pdf(scores, MEAN, SPREAD) * (num_gallery - 1) / num_gallery
    return match / (match + other)


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_the_fit_finds_the_true_probability(method) -> None:
    model = fit_match(*_scores(np.random.default_rng(0), 4000, 40000), method=method)
    scores = np.linspace(MEAN, MEAN + 4 * SPREAD, 30)
    assert np.abs(model.probability(scores, num_gallery=20) - _truth(scores, 20)).max() < 0.08


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_said_probabilities_come_true_in_a_new_gallery(method) -> None:
    rng = np.random.default_rng(1)
    model = fit_match(*_scores(rng, 1000, 20000), method=method)
    match, other = _scores(rng, 1000, 49000)  # fifty items a query
    said = model.probability(np.concatenate([match, other]), num_gallery=50)
    error, rows = calibration_error(said, np.repeat([True, False], [1000, 49000]))
    assert error < 0.01
    assert sum(size for *_, size in rows) == 50000


def test_the_foreseen_model_is_the_closed_form() -> None:
    other = np.random.default_rng(2).normal(MEAN, SPREAD, 200000)
    model = foresee_match(APART, other)
    scores = np.linspace(MEAN - SPREAD, MEAN + 5 * SPREAD, 30)
    np.testing.assert_allclose(model.probability(scores, num_gallery=20), _truth(scores, 20), atol=0.01)


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_at_the_threshold_a_match_is_as_likely_as_not(method) -> None:
    model = fit_match(*_scores(np.random.default_rng(3), 4000, 40000), method=method)
    for size in (5, 50):
        threshold = model.threshold(num_gallery=size)
        assert threshold is not None
        assert model.probability(np.array([threshold]), num_gallery=size)[0] == pytest.approx(0.5, abs=1e-6)


def test_a_larger_gallery_asks_for_a_higher_score() -> None:
    model = fit_match(*_scores(np.random.default_rng(4), 500, 5000))
    low, high = model.threshold(num_gallery=10), model.threshold(num_gallery=1000)
    assert low is not None and high is not None and low < high


def test_scores_that_say_nothing_give_the_prior_and_no_threshold() -> None:
    other = np.random.default_rng(5).normal(MEAN, SPREAD, 1000)
    blind = foresee_match(-1.0, other)
    np.testing.assert_allclose(blind.probability(np.array([-1.0, 0.0, 1.0]), num_gallery=10), 0.1)
    assert blind.threshold(num_gallery=10) is None
    inverted = fit_match(other - 1, other)  # matches score lower: a space that is broken, not a negative match
    np.testing.assert_allclose(inverted.probability(np.array([-1.0, 1.0]), num_gallery=10), 0.1)


def test_an_isotonic_fit_promises_no_more_than_it_saw() -> None:
    model = fit_match(np.linspace(5, 6, 20), np.linspace(0, 1, 500), method="isotonic")
    assert model.threshold(num_gallery=10**6) is None
    assert model.probability(np.array([100.0]), num_gallery=2)[0] < 1


def test_calibration_error_is_its_definition() -> None:
    rng = np.random.default_rng(6)
    said, seen = rng.random(103), rng.random(103) < 0.3
    order = sorted(range(103), key=lambda i: said[i])
    expected, start = 0.0, 0
    for i in range(10):
        size = 11 if i < 3 else 10
        part = order[start : start + size]
        expected += abs(np.mean([said[j] for j in part]) - np.mean([seen[j] for j in part])) * size / 103
        start += size
    assert calibration_error(said, seen)[0] == pytest.approx(expected)


def test_what_can_not_be_calibrated_is_said() -> None:
    with pytest.raises(MetricError, match="matches"):
        fit_match(np.zeros(3), np.linspace(0, 1, 50))
    with pytest.raises(MetricError, match="collapsed"):
        fit_match(np.zeros(30), np.zeros(50))
    with pytest.raises(MetricError, match="larger than its answers"):
        foresee_match(1.0, np.linspace(0, 1, 50)).probability(np.zeros(1), num_gallery=1)

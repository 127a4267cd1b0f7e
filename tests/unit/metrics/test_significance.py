from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from binder.errors import MetricError
from binder.metrics.significance import holm, nested_draws, sign_flip_p


def test_few_groups_are_tested_with_every_pattern_of_signs():
    sums = np.random.default_rng(0).normal(0.4, 1, size=(9, 2))
    got = sign_flip_p(sums)
    for column in range(2):
        values = sums[:, column]
        extreme = [abs(np.dot(signs, values)) >= abs(values.sum()) - 1e-12 for signs in product((1, -1), repeat=9)]
        assert got[column] == pytest.approx(np.mean(extreme))
        exact = permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert got[column] == pytest.approx(exact.pvalue)


def test_many_groups_are_tested_with_random_patterns_that_come_near_the_exact_p():
    sums = np.random.default_rng(1).normal(0.3, 1, size=(16, 1))
    exact = sign_flip_p(sums, num=2**16)
    assert 0.01 < exact < 0.99
    assert sign_flip_p(sums, num=4000) == pytest.approx(exact, abs=4 * np.sqrt(exact.item() / 4000))


def test_p_is_uniform_where_nothing_differs_and_small_where_all_groups_agree():
    rng = np.random.default_rng(2)
    p = sign_flip_p(rng.normal(size=(40, 400)), num=999)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.08)
    assert sign_flip_p(np.full((40, 1), 0.01), num=999).item() == pytest.approx(1 / 1000)
    assert sign_flip_p(np.zeros((40, 1)), num=999).item() == 1
    assert sign_flip_p(np.full((3, 1), 0.1)).item() == 0.25  # 3 groups can't say more


def test_differences_that_cannot_be_tested_are_refused():
    for bad in (np.empty((0, 1)), np.array([[np.nan]])):
        with pytest.raises(MetricError, match="no test"):
            sign_flip_p(bad)


def test_holm_equals_its_definition():
    p = np.random.default_rng(3).random(12) ** 3
    order = sorted(range(12), key=lambda i: p[i])
    for place, test in enumerate(order):
        expected = max(min(1.0, (12 - before) * p[order[before]]) for before in range(place + 1))
        assert holm(p)[test] == pytest.approx(expected)
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_nested_draws_have_the_variance_of_both_seeds_and_groups():
    rng = np.random.default_rng(4)
    groups, noise = rng.normal(size=20_000), np.array([-1.0, 0.5, 0.5])
    draws = (noise[:, None] + 0.3 * groups)[:, :, None]
    got = nested_draws(draws)
    assert got.mean() == pytest.approx(0, abs=0.03)
    assert got.var() == pytest.approx(noise.var(ddof=1) / 3 + 0.09, rel=0.05)
    np.testing.assert_array_equal(nested_draws(draws[:1]), draws[0])

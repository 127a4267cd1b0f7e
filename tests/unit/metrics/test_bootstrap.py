import numpy as np
import pytest
from oracles import means_of_resampled_groups

from binder.errors import MetricError
from binder.metrics import cluster_bootstrap, cluster_means, group_weights


def test_weighted_group_sums_equal_explicit_resampling_of_rows():
    rng = np.random.default_rng(0)
    groups = [str(g) for g in rng.integers(5, size=40)]
    values = rng.normal(size=(40, 2))
    names, index = np.unique(groups, return_inverse=True)
    weights = group_weights(len(names), 50, 7)
    draws = [[name for name, times in zip(names, row, strict=True) for _ in range(int(times))] for row in weights]
    assert all(len(draw) == len(names) for draw in draws)
    got = cluster_means(values, index, weights)
    for column in range(2):
        expected = means_of_resampled_groups(values[:, column].tolist(), groups, draws)
        np.testing.assert_allclose(got[:, column], expected, rtol=1e-10)
    interval = cluster_bootstrap(values, groups, num=50, seed=7)
    np.testing.assert_allclose(interval.low, np.quantile(got, 0.025, axis=0))
    np.testing.assert_allclose(interval.high, np.quantile(got, 0.975, axis=0))


def test_every_group_is_drawn_equally_often():
    weights = group_weights(20, 5000, 0)
    assert weights.sum(axis=1).tolist() == [20] * 5000
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=4 / np.sqrt(5000))


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        effect = np.repeat(rng.normal(size=40), 5)  # what the queries of one group share
        values = (effect + rng.normal(size=200))[:, None]
        interval = cluster_bootstrap(values, np.repeat(np.arange(40), 5), num=300, seed=seed)
        covered += bool(interval.low[0] <= 0 <= interval.high[0])
    assert 0.88 <= covered / 200 <= 0.99  # 3 standard errors around .94; percentile intervals are a little short


def test_groups_widen_the_interval_when_their_queries_agree():
    values = np.repeat(np.random.default_rng(2).normal(size=30), 10)[:, None]
    grouped = cluster_bootstrap(values, np.repeat(np.arange(30), 10))
    alone = cluster_bootstrap(values, np.arange(300))
    assert (grouped.high - grouped.low).item() > 2.5 * (alone.high - alone.low).item()  # sqrt(10) in theory


def test_same_seed_same_interval_and_another_seed_another():
    values, groups = np.random.default_rng(3).normal(size=(30, 1)), list("abcdef") * 5
    first, again, other = (cluster_bootstrap(values, groups, seed=seed).low[0] for seed in (1, 1, 2))
    assert first == again != other


def test_one_group_has_no_interval_and_says_why():
    interval = cluster_bootstrap(np.ones((4, 1)), ["a"] * 4)
    assert (interval.low, interval.high, interval.num_groups) == (None, None, 1)
    assert interval.reason == "all queries are of one group"


@pytest.mark.parametrize(
    ("values", "groups", "num", "message"),
    [
        (np.ones((2, 1)), ["a"], 10, "2 queries, 1 groups"),
        (np.ones((0, 1)), [], 10, "0 queries"),
        (np.array([[np.nan]]), ["a"], 10, "NaN among the metrics"),
        (np.ones((2, 1)), ["a", "b"], 0, "num >= 1"),
    ],
)
def test_input_that_cannot_be_resampled_is_refused(values, groups, num, message):
    with pytest.raises(MetricError, match=message):
        cluster_bootstrap(values, groups, num=num)

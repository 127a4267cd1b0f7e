import itertools

import numpy as np
import pytest
from oracles import chance_by_enumeration, ndcg_of_every_order
from scipy.sparse import csr_array

from binder.errors import MetricError
from binder.metrics import Layer, Relevance, chance_metrics, median_best_rank, pool_chance, rank_metrics

SMALL = [(n, m) for n in range(1, 10) for m in range(1, n + 1)]


def test_closed_forms_equal_enumeration_of_every_order():
    assert len(SMALL) == 45
    for num_gallery, num_relevant in SMALL:
        ks = tuple({1, (num_gallery + 1) // 2, num_gallery})
        expected = chance_by_enumeration(num_gallery, num_relevant, ks)
        got = chance_metrics(num_gallery, np.array([num_relevant]), ks)
        assert got == pytest.approx(expected, rel=1e-12), (num_gallery, num_relevant)


def test_queries_with_different_numbers_of_answers_average():
    parts = [chance_metrics(9, np.array([m]), (1, 3)) for m in (1, 1, 4)]
    mixed = chance_metrics(9, np.array([1, 1, 4]), (1, 3))
    assert {**mixed, "median_rank": 0} == pytest.approx(
        {**{name: np.mean([part[name] for part in parts]) for name in mixed}, "median_rank": 0}
    )


@pytest.mark.parametrize(("num_gallery", "num_relevant", "expected"), [(1000, 20, 0.026), (654, 65, 0.108)])
def test_expected_average_precision_of_the_literature(num_gallery, num_relevant, expected):
    assert chance_metrics(num_gallery, np.array([num_relevant]))["mAP"] == pytest.approx(expected, abs=5e-4)


def test_chance_equals_simulated_guessing_at_size():
    rng = np.random.default_rng(0)
    relevant = np.zeros((4000, 120), bool)
    relevant[:2000, :3] = relevant[2000:, :11] = True
    table = rank_metrics(rng.normal(size=relevant.shape).astype(np.float32), relevant)
    expected = chance_metrics(120, table.num_relevant)
    for name, values in table.columns().items():
        error = values.std() / np.sqrt(len(values))
        assert values.mean() == pytest.approx(expected[name], abs=4 * error), name
    assert table.means()["median_rank"] == pytest.approx(expected["median_rank"], abs=1)


def test_graded_ndcg_by_chance_equals_the_mean_over_every_order():
    places = [(best, *good) for best in range(10) for good in itertools.combinations(set(range(10)) - {best}, 2)]
    gains = np.zeros((len(places), 10), np.float32)
    for row, (best, *good) in zip(gains, places, strict=True):
        row[best], row[good] = 2, 1
    scores = np.arange(10, 0, -1, dtype=np.float32)
    items = csr_array(np.eye(10, dtype=np.float32))
    layers = tuple(Layer(csr_array(np.float32(gains == gain)), items, gain) for gain in (1.0, 2.0))
    table = rank_metrics(np.tile(scores, (len(places), 1)), Relevance(layers))
    loops = [ndcg_of_every_order(scores.tolist(), row.tolist()) for row in gains]
    expected = chance_metrics(10, table.num_relevant, gain_share=table.gain_share)
    assert expected["nDCG@10"] == pytest.approx(np.mean(loops), rel=1e-12)
    assert expected["nDCG@10"] == pytest.approx(table.means()["nDCG@10"], rel=1e-12)


def test_chance_in_a_pool_equals_that_of_a_gallery_of_its_size_where_one_answers():
    small = chance_metrics(20, np.array([1]))
    assert pool_chance(500, np.array([1, 1]), 20) == pytest.approx(
        {name: small[name] for name in pool_chance(500, np.array([1]), 20)}
    )
    assert pool_chance(30, np.array([4]), 30) == pytest.approx(
        {n: chance_metrics(30, np.array([4]))[n] for n in ("hit@1", "hit@5", "hit@10", "MRR")}
    )


def test_chance_in_a_pool_is_the_mean_over_orders_of_what_pools_give():
    orders = np.array(list(itertools.combinations(range(9), 3)))
    relevant = np.zeros((len(orders), 9), bool)
    np.put_along_axis(relevant, orders, True, axis=1)
    table = rank_metrics(np.tile(-np.arange(9, dtype=np.float32), (len(orders), 1)), relevant, (1,), pools=(4,))
    expected = pool_chance(9, table.num_relevant, 4)
    assert dict(zip(("hit@1", "MRR"), table.pools[4].mean(axis=0), strict=True)) == pytest.approx(expected, rel=1e-12)


def test_median_rank_of_one_answer_is_the_middle():
    assert [median_best_rank(n, 1) for n in (1, 2, 9, 10)] == [1, 1.5, 5, 5.5]


@pytest.mark.parametrize(("num_relevant", "ks"), [([0, 1], (1,)), ([4], (1,)), ([], (1,)), ([1], (4,)), ([1], (0,))])
def test_impossible_questions_are_refused(num_relevant, ks):
    with pytest.raises(MetricError, match="out of range"):
        chance_metrics(3, np.array(num_relevant, np.int64), ks)

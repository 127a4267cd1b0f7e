import numpy as np
import pytest
from oracles import chance_by_enumeration

from binder.errors import MetricError
from binder.metrics import chance_metrics, median_best_rank, rank_metrics

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


def test_median_rank_of_one_answer_is_the_middle():
    assert [median_best_rank(n, 1) for n in (1, 2, 9, 10)] == [1, 1.5, 5, 5.5]


@pytest.mark.parametrize(("num_relevant", "ks"), [([0, 1], (1,)), ([4], (1,)), ([], (1,)), ([1], (4,)), ([1], (0,))])
def test_impossible_questions_are_refused(num_relevant, ks):
    with pytest.raises(MetricError, match="out of range"):
        chance_metrics(3, np.array(num_relevant, np.int64), ks)

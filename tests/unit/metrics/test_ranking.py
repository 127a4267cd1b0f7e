import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import retrieval_by_loops
from sklearn.metrics import average_precision_score

from binder.errors import MetricError
from binder.metrics import RankTable, rank_blocks, rank_metrics, rank_variants, ranking, retrieval_scores


@st.composite
def problems(draw):
    """Small matrices whose few levels make ties common; every query has an answer."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 12)))
    levels = st.sampled_from([-1.0, -0.25, -0.0, 0.0, 1e-30, 0.5, 1.0])
    similarity = draw(hnp.arrays(np.float32, shape, elements=levels))
    relevant = draw(hnp.arrays(np.bool_, shape))
    relevant[np.arange(shape[0]), draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))] = True
    ks = tuple(sorted(draw(st.sets(st.integers(1, shape[1]), min_size=1, max_size=3))))
    return similarity, relevant, ks


def assert_equals_loops(table: RankTable, similarity, relevant, ks):
    expected = retrieval_by_loops(similarity, relevant, ks)
    columns = {**table.columns(), "best_rank": table.best_rank}
    assert set(columns) == set(expected[0])
    for name, values in columns.items():
        np.testing.assert_allclose(values, [row[name] for row in expected], rtol=1e-12, err_msg=name)


@given(problems())
def test_metrics_equal_loops_with_and_without_ties(problem):
    similarity, relevant, ks = problem
    assert_equals_loops(rank_metrics(similarity, relevant, ks), similarity, relevant, ks)


def test_blocked_equals_whole(monkeypatch):
    rng = np.random.default_rng(0)
    similarity = np.round(rng.normal(size=(50, 40)), 1).astype(np.float32)
    relevant = rng.random((50, 40)) < 0.2
    relevant[:, 0] = True
    whole = rank_metrics(similarity, relevant)
    monkeypatch.setattr(ranking, "_BLOCK_CELLS", 7 * 40)
    blocked = rank_metrics(similarity, relevant)
    assert_equals_loops(blocked, similarity, relevant, (1, 5, 10))
    for name, values in whole.columns().items():
        np.testing.assert_array_equal(blocked.columns()[name], values)


def test_average_precision_equals_sklearn_where_nothing_ties():
    rng = np.random.default_rng(1)
    similarity = rng.permuted(np.tile(np.arange(60, dtype=np.float32), (30, 1)), axis=1)
    relevant = rng.random((30, 60)) < 0.3
    relevant[:, 3] = True
    expected = [average_precision_score(r, s) for r, s in zip(relevant, similarity, strict=True)]
    np.testing.assert_allclose(rank_metrics(similarity, relevant).average_precision, expected, rtol=1e-12)


def test_one_relevant_item_in_a_tie_gets_the_middle_rank():
    table = rank_metrics(np.array([[3, 2, 2, 2, 1]], np.float32), np.array([[0, 1, 0, 0, 0]], bool), (1, 2, 3))
    assert table.best_rank.tolist() == [1 + 1 + 2 / 2]
    assert table.hit.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("num_gallery", [2, 3, 10, 100])
def test_a_collapsed_space_never_hits_at_one(num_gallery):
    for num_relevant in {1, num_gallery // 2, num_gallery - 1} - {0}:
        relevant = (np.arange(num_gallery) < num_relevant)[None]
        table = rank_metrics(np.full((1, num_gallery), 0.7, np.float32), relevant, (1,))
        assert table.hit.item() == 0
        assert table.average_precision.item() < 1


def test_an_oracle_scores_one_although_its_answers_tie():
    labels = np.array([0, 0, 1, 1, 1, 2])
    relevant = labels[:, None] == labels
    means = rank_metrics(relevant.astype(np.float32), relevant, (1, 3)).means()
    assert means.pop("recall@1") == pytest.approx(np.mean([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1]))
    assert set(means.values()) == {1.0}


def test_hit_rate_and_recall_are_kept_apart():
    means = rank_metrics(np.array([[4, 3, 2, 1]], np.float32), np.array([[1, 0, 1, 1]], bool), (1, 3)).means()
    assert (means["hit@1"], means["recall@1"], means["hit@3"], means["recall@3"]) == (1, 1 / 3, 1, 2 / 3)


@given(problems(), st.randoms(use_true_random=False))
def test_order_of_the_gallery_and_monotone_scale_do_not_matter(problem, random):
    similarity, relevant, ks = problem
    order = random.sample(range(similarity.shape[1]), similarity.shape[1])
    moved = rank_metrics(similarity[:, order], relevant[:, order], ks)
    scaled = rank_metrics(np.float32(8) * similarity, relevant, ks)  # a power of two keeps every tie
    for name, values in rank_metrics(similarity, relevant, ks).columns().items():
        np.testing.assert_array_equal(moved.columns()[name], values)
        np.testing.assert_array_equal(scaled.columns()[name], values)


def test_retrieval_scores_are_those_of_the_cosine_matrix_and_drop_too_large_cutoffs():
    rng = np.random.default_rng(2)
    query, gallery = rng.normal(size=(7, 4)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    relevant = np.eye(7, 6, dtype=bool)
    relevant[6, 0] = True
    scores = retrieval_scores(query, gallery, relevant)
    assert scores == rank_metrics(query @ gallery.T, relevant, (1, 5)).means()
    assert "hit@10" not in scores


@pytest.mark.parametrize(
    ("change", "ks", "message"),
    [
        (lambda s, r: s.__setitem__((1, 0), np.nan), (1,), r"NaN or infinite\n.*in 1 queries, first \[1\]"),
        (lambda s, r: s.__setitem__((2, 0), np.inf), (1,), r"NaN or infinite\n.*first \[2\]"),
        (lambda s, r: r.__setitem__(2, False), (1,), r"without a relevant item\n.*1 of them, first \[2\]"),
        (lambda s, r: None, (0,), r"cut-off out of range\n.*\[0\]\n.*<= 4"),
        (lambda s, r: None, (1, 5), r"cut-off out of range\n.*\[5\]\n.*<= 4"),
        (lambda s, r: None, (), "no cut-off"),
    ],
)
def test_undefined_input_is_refused_with_its_place(change, ks, message):
    similarity, relevant = np.zeros((3, 4), np.float32), np.eye(3, 4, dtype=bool)
    change(similarity, relevant)
    with pytest.raises(MetricError, match=message):
        rank_metrics(similarity, relevant, ks)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_an_empty_side_is_refused(shape):
    with pytest.raises(MetricError, match=re.escape(f"(queries, gallery) = {shape}")):
        rank_metrics(np.zeros(shape, np.float32), np.zeros(shape, bool))
    with pytest.raises(MetricError, match="nothing to rank"):
        retrieval_scores(
            np.zeros((shape[0], 2), np.float32), np.zeros((shape[1], 2), np.float32), np.zeros(shape, bool)
        )


def test_the_query_number_in_a_message_counts_over_all_blocks():
    good = (np.zeros((2, 3), np.float32), np.ones((2, 3), bool))
    bad = (np.zeros((2, 3), np.float32), np.array([[1, 0, 0], [0, 0, 0]], bool))
    with pytest.raises(MetricError, match=r"first \[3\]"):
        rank_blocks(iter([good, bad]), (1,))


@given(problems(), st.integers(0, 99))
def test_several_relevances_at_once_equal_each_alone(problem, seed):
    similarity, relevant, ks = problem
    moved = relevant[:, np.random.default_rng(seed).permutation(relevant.shape[1])]
    tables = rank_variants(iter([(similarity, [relevant, moved])]), ks)
    assert len(tables) == 2
    for table, answers in zip(tables, (relevant, moved), strict=True):
        assert_equals_loops(table, similarity, answers, ks)

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import ndcg_of_every_order, retrieval_by_loops
from scipy.sparse import csr_array
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, ndcg_score

from binder.errors import MetricError
from binder.metrics import Layer, RankTable, Relevance, rank_both, rank_metrics, rank_vectors, ranking


@st.composite
def problems(draw, max_gallery=12):
    """Small matrices whose few levels make ties common; every query has an answer."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, max_gallery)))
    levels = st.sampled_from([-1.0, -0.25, -0.0, 0.0, 1e-30, 0.5, 0.5000001, 1.0])
    similarity = draw(hnp.arrays(np.float32, shape, elements=levels))
    relevant = draw(hnp.arrays(np.bool_, shape))
    relevant[np.arange(shape[0]), draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))] = True
    ks = tuple(sorted(draw(st.sets(st.integers(1, shape[1]), min_size=1, max_size=3))))
    return similarity, relevant, ks


def random_problem(num_queries, num_gallery, *, share=0.1, seed=0, dim=16, levels=None):
    """Unit vectors, coarse where `levels` are given so that many scores tie, and who answers whom."""
    rng = np.random.default_rng(seed)
    sides = [rng.normal(size=(num, dim)) for num in (num_queries, num_gallery)]
    if levels:
        sides = [rng.integers(-levels, levels + 1, size=one.shape) + 1e-3 for one in sides]
    query, gallery = (np.float32(one / np.linalg.norm(one, axis=1, keepdims=True)) for one in sides)
    relevant = rng.random((num_queries, num_gallery)) < share
    relevant[np.arange(num_queries), rng.integers(num_gallery, size=num_queries)] = True
    relevant[rng.integers(num_queries, size=num_gallery), np.arange(num_gallery)] = True
    return query, gallery, relevant


def assert_equals_loops(table: RankTable, similarity, relevant, ks):
    expected = retrieval_by_loops(similarity, relevant, ks)
    columns = {**table.columns(), "best_rank": table.best_rank}
    assert set(columns) == set(expected[0])
    for name, values in columns.items():
        np.testing.assert_allclose(values, [row[name] for row in expected], rtol=1e-12, err_msg=name)


@pytest.fixture(params=["compared", "sorted"], autouse=True)
def way(request, monkeypatch):
    """All promises hold for both ways of counting."""
    monkeypatch.setattr(ranking, "FEW", 1000 if request.param == "compared" else 0)
    return request.param


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


@pytest.mark.parametrize("levels", [None, 1])
def test_vectors_rank_as_their_matrix_in_float64_does(levels, monkeypatch):
    query, gallery, relevant = random_problem(60, 45, levels=levels)
    monkeypatch.setattr(ranking, "_PRODUCT_CELLS", 20 * 45)
    monkeypatch.setattr(ranking, "_BLOCK_CELLS", 7 * 45)
    table = rank_vectors(query, gallery, Relevance.of(relevant))[0]
    assert_equals_loops(table, query.astype(float) @ gallery.astype(float).T, relevant, (1, 5, 10))


@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("levels", [None, 1])
def test_both_directions_from_one_product_equal_loops_in_each(levels, share, monkeypatch):
    query, gallery, relevant = random_problem(300, 70, share=share, levels=levels, seed=3)
    monkeypatch.setattr("binder.metrics.counting._TILE", (260, 32))  # more than 255 rows: bytes must not overflow
    similarity = query.astype(float) @ gallery.astype(float).T
    there, back = rank_both(query, gallery, Relevance.of(relevant))
    assert_equals_loops(there, similarity, relevant, (1, 5, 10))
    assert_equals_loops(back, similarity.T, relevant.T, (1, 5, 10))


def test_gallery_vectors_that_change_owners_are_ranked_as_if_they_had_been_moved():
    query, gallery, relevant = random_problem(20, 30)
    order = np.random.default_rng(1).permutation(30)
    plain, moved = rank_vectors(query, gallery, Relevance.of(relevant), shuffles=[order])
    assert_equals_loops(plain, query @ gallery.T, relevant, (1, 5, 10))
    assert_equals_loops(moved, query @ gallery[order].T, relevant, (1, 5, 10))


def test_average_precision_equals_sklearn_where_nothing_ties():
    rng = np.random.default_rng(1)
    similarity = rng.permuted(np.tile(np.arange(60, dtype=np.float32), (30, 1)), axis=1)
    relevant = rng.random((30, 60)) < 0.3
    relevant[:, 3] = True
    table = rank_metrics(similarity, relevant)
    expected = [average_precision_score(r, s) for r, s in zip(relevant, similarity, strict=True)]
    np.testing.assert_allclose(table.average_precision, expected, rtol=1e-12)
    whole = label_ranking_average_precision_score(relevant, similarity)
    assert table.means()["mAP"] == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("decimals", [6, 1])
def test_graded_ndcg_equals_sklearn_and_loops_with_and_without_ties(decimals):
    rng = np.random.default_rng(2)
    similarity = np.round(rng.uniform(-1, 1, size=(25, 40)), decimals).astype(np.float32)
    gains = rng.choice([0.0, 1.0, 2.0], p=[0.7, 0.2, 0.1], size=similarity.shape)
    gains[:, 0] = 1
    everything = csr_array(np.eye(40, dtype=np.float32))
    layers = tuple(Layer(csr_array(np.float32(gains == gain)), everything, gain) for gain in (1.0, 2.0))
    table = rank_metrics(similarity, Relevance(layers))
    expected = [ndcg_score(g[None], s[None], k=10) for g, s in zip(gains, similarity, strict=True)]
    np.testing.assert_allclose(table.ndcg, expected, rtol=1e-12)
    loops = [ndcg_of_every_order(s.tolist(), g.tolist()) for g, s in zip(gains, similarity, strict=True)]
    np.testing.assert_allclose(table.ndcg, loops, rtol=1e-12)
    np.testing.assert_array_equal(table.hit, rank_metrics(similarity, gains > 0).hit)


def test_one_relevant_item_in_a_tie_gets_the_middle_rank():
    table = rank_metrics(np.array([[3, 2, 2, 2, 1]], np.float32), np.array([[0, 1, 0, 0, 0]], bool), (1, 2, 3))
    assert table.best_rank.tolist() == [1 + 1 + 2 / 2]
    assert table.hit.tolist() == [[0, 0, 1]]


def test_what_ties_is_stated():
    similarity = np.array([[0.5, 0.5 + 9e-7, 0.5 + 2e-6]], np.float32)
    answer = np.array([[1, 0, 0]], bool)
    assert rank_metrics(similarity, answer, (1,)).best_rank == 1 + 1 + 1 / 2
    assert rank_metrics(similarity, answer, (1,), tolerance=0.0).best_rank == 1 + 2
    assert rank_metrics(similarity, answer, (1,), tolerance=1e-5).best_rank == 1 + 2 / 2
    assert rank_metrics(np.zeros((1, 3), np.float32), answer, (1,), tolerance=0.0).best_rank == 1 + 2 / 2


@pytest.mark.parametrize("num_gallery", [2, 3, 10, 100])
def test_a_collapsed_space_never_hits_at_one(num_gallery):
    for num_relevant in {1, num_gallery // 2, num_gallery - 1} - {0}:
        relevant = (np.arange(num_gallery) < num_relevant)[None]
        table = rank_metrics(np.full((1, num_gallery), 0.7, np.float32), relevant, (1,))
        assert table.hit.item() == 0
        assert table.average_precision.item() < 1


def test_a_tower_that_collapsed_but_for_rounding_scores_chance():
    rng = np.random.default_rng(0)
    point = rng.normal(size=512)
    noisy = point * (1 + 2e-7 * rng.normal(size=(400, 512)))  # float32 rounding of every number
    query, gallery = (np.float32(noisy / np.linalg.norm(noisy, axis=1, keepdims=True)) for _ in range(2))
    for table in rank_both(query, gallery, Relevance.of(np.eye(400, dtype=bool))):
        assert (table.best_rank == (400 + 1) / 2).all()
        np.testing.assert_allclose(table.ndcg, 4.543559338 / 400)


def test_an_oracle_scores_one_although_its_answers_tie():
    labels = np.array([0, 0, 1, 1, 1, 2])
    relevant = labels[:, None] == labels
    means = rank_metrics(relevant.astype(np.float32), relevant, (1, 3)).means()
    assert means.pop("recall@1") == pytest.approx(np.mean([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1]))
    assert set(means.values()) == {1.0}


def test_hit_rate_and_recall_are_kept_apart():
    means = rank_metrics(np.array([[4, 3, 2, 1]], np.float32), np.array([[1, 0, 1, 1]], bool), (1, 3)).means()
    assert (means["hit@1"], means["recall@1"], means["hit@3"], means["recall@3"]) == (1, 1 / 3, 1, 2 / 3)
    assert (means["R-precision"], means["mAP@R"]) == (2 / 3, pytest.approx((1 + 2 / 3) / 3))


@given(problems(), st.randoms(use_true_random=False))
def test_order_of_the_gallery_and_monotone_scale_do_not_matter(problem, random):
    similarity, relevant, ks = problem
    order = random.sample(range(similarity.shape[1]), similarity.shape[1])
    moved = rank_metrics(similarity[:, order], relevant[:, order], ks)
    scaled = rank_metrics(np.float32(8) * similarity, relevant, ks, tolerance=8e-6)
    for name, values in rank_metrics(similarity, relevant, ks).columns().items():
        np.testing.assert_array_equal(moved.columns()[name], values)
        np.testing.assert_array_equal(scaled.columns()[name], values)


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


@pytest.mark.parametrize("size", [1, 5])
def test_a_pool_that_cannot_be_drawn_is_refused(size):
    with pytest.raises(MetricError, match=rf"size of a pool out of range\n.*\[{size}\]\n.*2 to 4"):
        rank_metrics(np.zeros((3, 4), np.float32), np.eye(3, 4, dtype=bool), (1,), pools=(size,))


@pytest.mark.parametrize("rank", [rank_vectors, rank_both])
def test_vectors_that_cannot_be_ranked_are_refused(rank):
    good, truth = np.eye(3, dtype=np.float32), Relevance.of(np.eye(3, dtype=bool))
    bad = good.copy()
    bad[1, 0] = np.nan
    with pytest.raises(MetricError, match=r"gallery vectors are NaN or infinite\n.*1 of them, first \[1\]"):
        rank(good, bad, truth)
    with pytest.raises(MetricError, match=r"differ in size\n.*\(3, 2\) and \(3, 3\)"):
        rank(good, good[:2], truth)
    with pytest.raises(MetricError, match="nothing to rank"):
        rank(good[:0], good, truth[:0])
    with pytest.raises(MetricError, match=r"without a relevant item\n.*2 of them, first \[1, 2\]"):
        rank(good, good, Relevance.of(np.diag([True, False, False])))


def test_one_item_among_itself_is_found():
    one = np.ones((1, 1), np.float32)
    for table in rank_both(one, one, Relevance.of(np.ones((1, 1), bool))):
        assert set(table.means().values()) == {1.0} and table.ks == (1,)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_an_empty_side_is_refused(shape):
    with pytest.raises(MetricError, match=re.escape(f"(queries, gallery) = {shape}")):
        rank_metrics(np.zeros(shape, np.float32), np.zeros(shape, bool))


def test_the_query_number_in_a_message_counts_over_all_blocks(monkeypatch):
    monkeypatch.setattr(ranking, "_BLOCK_CELLS", 2 * 3)
    similarity = np.zeros((5, 3), np.float32)
    similarity[3, 1] = np.nan
    with pytest.raises(MetricError, match=r"first \[3\]"):
        rank_metrics(similarity, np.ones((5, 3), bool), (1,))

import numpy as np
import pytest
from oracles import pool_by_enumeration

from binder.metrics import pool_metrics, rank_metrics


def pooled(scores, relevant, size):
    table = rank_metrics(np.float32(scores)[None], np.array(relevant, bool)[None], (1,), pools=(size,))
    return dict(zip(pool_metrics(size), table.pools[size][0].tolist(), strict=True))


@pytest.mark.parametrize("size", [2, 3, 6, 8])
@pytest.mark.parametrize("num_relevant", [1, 2, 5, 8])
def test_the_closed_form_is_the_mean_over_every_pool_that_holds_an_answer(size, num_relevant):
    rng = np.random.default_rng(size * num_relevant)
    for _ in range(3):
        scores = rng.permutation(8).astype(float)
        relevant = rng.permutation(8) < num_relevant
        assert pooled(scores, relevant, size) == pytest.approx(pool_by_enumeration(scores, relevant, size), rel=1e-9)


@pytest.mark.parametrize("num_tied", [1, 2, 3])
def test_an_answer_in_a_tie_takes_the_middle_place_rounded_up_before_the_draw(num_tied):
    scores = [5.0, 4.0, *[3.0] * num_tied, 3.0, 1.0]
    relevant = [False] * (2 + num_tied) + [True, False]
    resolved = [5.0, 4.0, *(3.5 if i < (num_tied + 1) // 2 else 2.5 for i in range(num_tied)), 3.0, 1.0]
    assert pooled(scores, relevant, 3) == pytest.approx(pool_by_enumeration(resolved, relevant, 3), rel=1e-9)


def test_a_pool_of_the_whole_gallery_hits_as_the_gallery_does_ties_included():
    rng = np.random.default_rng(0)
    similarity = np.round(rng.normal(size=(200, 30)), 1).astype(np.float32)
    relevant = rng.random((200, 30)) < 0.1
    relevant[:, 4] = True
    table = rank_metrics(similarity, relevant, pools=(30,))
    np.testing.assert_allclose(table.pools[30][:, :3], table.hit, atol=1e-9)
    whole = table.best_rank % 1 == 0
    np.testing.assert_allclose(table.pools[30][whole, 3], table.reciprocal_rank[whole], rtol=1e-9)


def test_large_galleries_lose_no_precision():
    """With one answer at rank r, hit@1 in a pool of N is that none of the r - 1 above is among the N - 1 others."""
    scores = -np.arange(50_000, dtype=np.float32)
    relevant = np.arange(50_000) == 40
    expected = np.prod([1 - 99 / (49_999 - i) for i in range(40)])
    assert pooled(scores, relevant, 100)["hit@1"] == pytest.approx(expected, rel=1e-8)


def test_smaller_pools_are_easier_and_a_collapsed_tower_gains_nothing_from_them():
    rng = np.random.default_rng(1)
    similarity = rng.normal(size=(50, 400)).astype(np.float32)
    relevant = np.arange(400) == np.arange(50)[:, None]
    hits = [rank_metrics(similarity, relevant, pools=(n,)).pools[n][:, 0].mean() for n in (10, 50, 400)]
    assert hits == sorted(hits, reverse=True) and hits[0] > 0.05
    collapsed = rank_metrics(np.zeros((50, 400), np.float32), relevant, pools=(50,))
    assert collapsed.pools[50][:, 0].max() < 1e-12

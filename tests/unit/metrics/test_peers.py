"""Figures are those of the field's own tools where the definition is the same: without ties."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from binder.metrics import Layer, Relevance, rank_both, rank_metrics


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    similarity = rng.permuted(np.tile(np.linspace(-1, 1, 60, dtype=np.float32), (40, 1)), axis=1)
    gains = rng.choice([0, 1, 2], p=[0.85, 0.1, 0.05], size=similarity.shape)
    gains[:, 0] = 1
    return similarity, gains


def test_mteb_finds_the_same_with_graded_answers(problem):
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores

    similarity, gains = problem
    answers = {f"q{i}": {f"d{j}": int(row[j]) for j in np.flatnonzero(row)} for i, row in enumerate(gains)}
    results = {f"q{i}": {f"d{j}": float(score) for j, score in enumerate(row)} for i, row in enumerate(similarity)}
    theirs = calculate_retrieval_scores(results, answers, [1, 5, 10, 60])
    items = csr_array(np.eye(60, dtype=np.float32))
    layers = tuple(Layer(csr_array(np.float32(gains == gain)), items, gain) for gain in (1.0, 2.0))
    ours = rank_metrics(similarity, Relevance(layers)).means()
    for k in (1, 5, 10):
        assert ours[f"hit@{k}"] == pytest.approx(theirs.hit_rate[f"HitRate@{k}"], abs=1e-5)
        assert ours[f"recall@{k}"] == pytest.approx(theirs.recall[f"Recall@{k}"], abs=1e-5)
    assert ours["mAP"] == pytest.approx(theirs.map["MAP@60"], abs=1e-5)
    assert ours["nDCG@10"] == pytest.approx(theirs.ndcg["NDCG@10"], abs=1e-5)
    assert ours["MRR"] == pytest.approx(theirs.mrr["MRR@60"], abs=1e-5)


def test_the_hit_rate_is_the_recall_that_clip_benchmark_prints():
    """Any of the positives among the k first, see recall_at_k and evaluate in [1]; five captions an image.

    [1] https://github.com/LAION-AI/CLIP_benchmark/blob/main/clip_benchmark/metrics/zeroshot_retrieval.py
    """
    rng = np.random.default_rng(1)
    images = rng.normal(size=(30, 16))
    texts = np.repeat(images, 5, axis=0) + 2 * rng.normal(size=(150, 16))
    texts, images = (np.float32(one / np.linalg.norm(one, axis=1, keepdims=True)) for one in (texts, images))
    positive = np.arange(150)[:, None] // 5 == np.arange(30)
    tables = rank_both(texts, images, Relevance.of(positive))
    scores = texts @ images.T
    for table, own, answers in zip(tables, (scores, scores.T), (positive, positive.T), strict=True):
        for k in (1, 5, 10):
            first = np.argsort(-own, axis=1)[:, :k]
            expected = np.take_along_axis(answers, first, axis=1).any(axis=1).mean()
            assert 0 < table.means()[f"hit@{k}"] == expected

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, confusion_matrix

from binder.metrics.classification import average_precisions, best_of_names, class_means, confusion


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    truth = rng.integers(5, size=80)
    one_hot = np.eye(5, dtype=bool)[truth]
    scores = (one_hot + rng.normal(size=(80, 5))).astype(np.float32)
    return scores, truth, one_hot, rng.integers(0, 4, size=(7, 80))


def test_the_mean_over_classes_is_balanced_accuracy(labelled):
    scores, truth, one_hot, weights = labelled
    predicted = scores.argmax(axis=1)
    got = class_means((predicted == truth).astype(float), one_hot, weights)
    for draw, own in zip(weights, got, strict=True):
        assert own.mean() == pytest.approx(balanced_accuracy_score(truth, predicted, sample_weight=draw))


def test_a_class_that_a_draw_does_not_hold_has_no_value(labelled):
    scores, truth, one_hot, weights = labelled
    weights[:, truth == 2] = 0
    assert np.isnan(class_means(np.ones(80), one_hot, weights)).all(axis=0).tolist() == [0, 0, 1, 0, 0]
    assert np.isnan(average_precisions(scores, one_hot, weights)).all(axis=0).tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("digits", [8, 0])  # 0: nearly all scores are tied
def test_average_precision_equals_that_of_scikit_learn_for_several_labels_and_ties(labelled, digits):
    scores, _, one_hot, weights = labelled
    truth = one_hot | (np.random.default_rng(1).random(one_hot.shape) < 0.2)
    rounded = scores.round(digits)
    got = average_precisions(rounded, truth, weights)
    for draw in range(len(weights)):
        for label in range(5):
            expected = average_precision_score(truth[:, label], rounded[:, label], sample_weight=weights[draw])
            assert got[draw, label] == pytest.approx(expected)


def test_a_collapsed_space_has_the_average_precision_of_chance(labelled):
    _, _, one_hot, _ = labelled
    got = average_precisions(np.zeros((80, 5), np.float32), one_hot, np.ones((1, 80)))
    np.testing.assert_allclose(got[0], one_hot.mean(axis=0))


def test_confusion_counts_and_sets_undecided_queries_apart(labelled):
    scores, truth, _, _ = labelled
    counts = confusion(scores, truth)
    np.testing.assert_array_equal(counts[:, :5], confusion_matrix(truth, scores.argmax(axis=1)))
    assert counts[:, 5].sum() == 0
    scores[:10] = 0.5
    assert confusion(scores, truth)[:, 5].sum() == 10


def test_a_class_scores_as_its_best_name():
    similarity = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)
    class_of_name = np.array([1, 0, 1, 2, 0])
    got = best_of_names(similarity, class_of_name)
    for query in range(6):
        for label in range(3):
            assert got[query, label] == max(similarity[query, j] for j in range(5) if class_of_name[j] == label)

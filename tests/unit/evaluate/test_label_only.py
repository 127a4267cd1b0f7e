"""The control that knows only the class, against a loop, and what it tells apart."""

import numpy as np
import pytest

from binder.evaluate.items import collapse
from binder.evaluate.label_only import class_centres, label_only
from binder.evaluate.relevance import relate
from binder.evaluate.scoring import Question
from tests.evaluate_parts import encode, make_rows, unit

NUM, CLASSES = 120, 6


def ask(a, c, rows) -> Question:
    sides = [collapse(encode(name, vectors), rows) for name, vectors in (("audio", a), ("depth", c))]
    return Question(
        query=sides[0], gallery=sides[1], relevance=relate(*sides, ("id",), rows), num_bootstrap=100, seed=0
    )


def test_centres_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(9, 4)))
    codes = np.array([0, 0, 1, 0, 2, 2, -1, 1, 3])  # -1 is unknown, 3 is alone
    found = class_centres(vectors, codes)
    for i, code in enumerate(codes):
        others = [j for j in range(9) if j != i]
        own = [j for j in others if codes[j] == code] if code >= 0 else []
        total = np.sum([vectors[j] for j in (own or others)], axis=0)
        np.testing.assert_allclose(found[i], total / np.linalg.norm(total), atol=1e-6)


@pytest.mark.parametrize("knows_instance", [False, True])
def test_the_control_equals_the_score_of_a_space_that_knows_only_the_class(knows_instance) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(NUM) % CLASSES
    prototypes = unit(rng.normal(size=(CLASSES, 32)))[labels]
    scene = unit(rng.normal(size=(NUM, 32))) if knows_instance else np.zeros((NUM, 32))
    a, c = (unit(prototypes + scene + 0.1 * rng.normal(size=(NUM, 32))) for _ in range(2))
    rows = make_rows(NUM, label=[f"class {k}" for k in labels])
    question = ask(a, c, rows)
    raw = question.estimates(question.rank(a, c)[0])["hit@1"]
    control = label_only(question, rows)
    assert control is not None
    class_alone = 1 / (NUM / CLASSES)  # one of twenty of its class
    assert control.metrics["hit@1"].value == pytest.approx(class_alone, abs=0.05)
    if knows_instance:
        assert raw.value > 0.9
    else:
        assert raw.value == pytest.approx(class_alone, abs=0.08)


def test_there_is_no_control_without_shared_labels() -> None:
    vectors = unit(np.random.default_rng(2).normal(size=(4, 8)))
    for rows in (make_rows(4), make_rows(4, label=["a", "b", "c", None])):
        assert label_only(ask(vectors, vectors, rows), rows) is None

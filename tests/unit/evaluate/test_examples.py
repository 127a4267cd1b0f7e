"""Examples and maps of a report: which queries are shown, and that places are those of scikit-learn's PCA."""

import numpy as np
import pytest

from binder.evaluate.examples import choose_examples
from binder.evaluate.items import collapse
from binder.evaluate.projection import space_maps
from binder.evaluate.relevance import relate
from binder.evaluate.scoring import Question
from tests.evaluate_parts import class_space, encode, make_rows, unit


def test_examples_show_some_that_worked_and_the_worst() -> None:
    rng = np.random.default_rng(0)
    c = unit(rng.normal(size=(40, 6)))
    a = unit(c + 0.5 * rng.normal(size=(40, 6)))
    rows = make_rows(40)
    sides = [collapse(encode(name, vectors), rows) for name, vectors in (("audio", a), ("depth", c))]
    question = Question(
        query=sides[0], gallery=sides[1], relevance=relate(*sides, ("id",), rows), num_bootstrap=100, seed=0
    )
    table = question.rank(a, c)[0]
    shown = choose_examples(question, table)
    assert [one.kind for one in shown] == ["good"] * 3 + ["bad"] * 3
    worst = sorted(table.best_rank, reverse=True)[:3]
    assert [one.rank for one in shown[3:]] == worst
    for one in shown:
        scores = c @ a[one.row]
        order = sorted(range(40), key=lambda j: -scores[j])
        assert [hit.row for hit in one.hits] == order[:5]
        assert [hit.relevant for hit in one.hits] == [j == one.row for j in order[:5]]
        assert one.rank == order.index(one.row) + 1
        if one.rank > 5:
            assert one.answer is not None and (one.answer.row, one.answer.relevant) == (one.row, True)
        else:
            assert one.answer is None
    assert choose_examples(question, table) == shown


def test_maps_are_principal_components_with_their_share() -> None:
    encoded, rows, _ = class_space(num=50, classes=5)
    items = [collapse(encoded[name], rows) for name in ("imu", "depth")]
    raw, centred = (one for one in space_maps(items, seed=0) if one.method.startswith("PCA"))
    assert raw.share is not None and 0 < raw.share <= 1
    vectors = np.concatenate([one.vectors for one in items]).astype(np.float64)
    moved = vectors - vectors.mean(axis=0)
    values = np.sort(np.linalg.svd(moved, compute_uv=False) ** 2)[::-1]
    assert raw.share == pytest.approx(values[:2].sum() / values.sum(), rel=1e-4)
    x = np.array([place.x for place in raw.places])
    assert np.sum(x**2) == pytest.approx(values[0], rel=1e-4)
    assert [(place.modality, place.row) for place in centred.places] == [
        (one.name, int(row)) for one in items for row in one.first_row
    ]


def test_a_collapsed_space_is_one_point() -> None:
    rows = make_rows(6)
    items = [collapse(encode(name, np.ones((6, 4))), rows) for name in ("imu", "depth")]
    raw = space_maps(items, seed=0)[0]
    assert raw.share == 0
    assert {(place.x, place.y) for place in raw.places} == {(0.0, 0.0)}

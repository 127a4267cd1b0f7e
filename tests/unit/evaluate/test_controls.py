import numpy as np
import pytest
from evaluate_parts import class_space, encode, make_rows, unit
from oracles import retrieval_by_loops, two_hop_by_loops

from binder.evaluate import Control, evaluate_space
from binder.evaluate.controls import draw_shuffles, nearest, two_hop, untrained
from binder.evaluate.corrections import centred
from binder.evaluate.items import collapse
from binder.evaluate.relevance import relate
from binder.evaluate.scoring import Question

NAMES = ("hit@1", "hit@5", "recall@1", "recall@5", "mAP", "MRR")


@pytest.fixture(scope="module")
def space():
    encoded, rows, ledgers = class_space(num=60, classes=5, groups=12)
    return {name: collapse(one, rows) for name, one in encoded.items()}, rows, encoded, ledgers


def ask(items, rows, query, gallery) -> Question:
    sides = items[query], items[gallery]
    relevance = relate(*sides, ("label",), rows)
    return Question(query=sides[0], gallery=sides[1], relevance=relevance, num_bootstrap=200, seed=3)


def test_shuffling_answers_backward_is_shuffling_vectors(space):
    items, rows, *_ = space
    question = ask(items, rows, "imu", "depth")
    order = np.random.default_rng(5).permutation(60)
    shuffled = question.rank(question.query.vectors, question.gallery.vectors, [order])[1]
    by_hand = question.rank(question.query.vectors, question.gallery.vectors[order])[0]
    assert shuffled.means() == by_hand.means() != question.rank(question.query.vectors, question.gallery.vectors)[0]


@pytest.mark.parametrize(("num_gallery", "expected"), [(5, 40), (27, 38), (100, 10), (1000, 5), (5000, 5)])
def test_small_galleries_are_shuffled_more_often(num_gallery, expected):
    shuffles = draw_shuffles(num_gallery, seed=0)
    assert len(shuffles) == expected
    assert all(sorted(order) == list(range(num_gallery)) for order in shuffles)
    assert not np.array_equal(shuffles[0], shuffles[1])


def test_two_hops_equal_loops(space):
    items, rows, *_ = space
    question = ask(items, rows, "imu", "depth")
    got = two_hop(question, items["image"])
    similarity = two_hop_by_loops(*(items[name].vectors for name in ("imu", "image", "depth")))
    labels = np.array(rows.attribute("label"))
    loops = retrieval_by_loops(similarity, labels[:, None] == labels, (1, 5))
    for name in NAMES:
        assert got.metrics[name].value == pytest.approx(np.mean([row[name] for row in loops]), rel=1e-9), name
    assert got.note == "nearest of 60 image items of the evaluation table"


def test_the_nearest_of_equals_is_the_first():
    assert nearest(unit([[1, 0]]), unit([[0, 1], [1, 0], [1, 0]])).tolist() == [1]


def test_untrained_towers_replace_only_the_tower_sides(space):
    items, rows, encoded, _ = space
    got = untrained(ask(items, rows, "imu", "text"))
    assert isinstance(got, Control)
    text = items["text"]
    labels = np.array(rows.attribute("label"))
    relevant = labels[:, None] == labels[text.first_row]
    loops = retrieval_by_loops(encoded["imu"].untrained @ text.vectors.T, relevant, (1, 5))
    for name in NAMES:
        assert got.metrics[name].value == pytest.approx(np.mean([row[name] for row in loops]), rel=1e-9), name
    assert got.note == "imu before training"


def test_without_an_untrained_twin_the_control_says_so():
    rows = make_rows(3, label=["a", "b", "a"])
    items = {name: collapse(encode(name, np.eye(3)), rows) for name in ("imu", "depth")}
    assert untrained(ask(items, rows, "imu", "depth")) == "no untrained vectors of imu and depth"


def test_shuffled_pairs_score_chance_where_the_real_ones_do_not(space):
    _, rows, encoded, ledgers = space
    report = evaluate_space(
        encoded, rows, relevance="label", ledgers=ledgers, hub_fingerprint="hub-1", hub_native=("text", "image")
    )
    done = [cell for cell in report.cells if cell.why_not is None]
    assert len(done) == 12
    for cell in done:
        control = cell.controls["shuffled"].metrics
        assert cell.beats("shuffled", "mAP") is True, cell.name
        width = control["mAP"].high - control["mAP"].low
        assert control["mAP"].value == pytest.approx(cell.chance["mAP"], abs=width), cell.name
        assert not any("off chance" in note for note in cell.notes), cell.name


def test_centring_undoes_the_offset_of_each_modality():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(200, 16))
    shared -= shared.mean(axis=0)
    offset = 12 * unit(rng.normal(size=(2, 16)))
    query, gallery = (unit(shared + 0.3 * rng.normal(size=shared.shape) + one) for one in offset)
    rows = make_rows(200)
    encoded = {
        name: encode(name, vectors, centre=vectors[:100].mean(axis=0))
        for name, vectors in (("imu", query), ("depth", gallery))
    }
    cell = evaluate_space(
        encoded, rows, relevance="id", ledgers={}, hub_fingerprint="f", hub_native=(), num_bootstrap=100
    ).cell("imu", "depth")
    assert cell.centred is not None
    assert cell.centred["MRR"].value > cell.metrics["MRR"].value + 0.1
    by_hand = [unit(vectors - vectors[:100].mean(axis=0)) for vectors in (query, gallery)]
    loops = retrieval_by_loops(by_hand[0] @ by_hand[1].T, np.eye(200, dtype=bool), (1,))
    assert cell.centred["MRR"].value == pytest.approx(np.mean([row["MRR"] for row in loops]), rel=1e-3)


def test_a_vector_at_the_centre_keeps_no_direction():
    vectors = unit([[1, 0], [0, 1]])
    np.testing.assert_array_equal(centred(vectors, vectors[0])[0], [0, 0])
    np.testing.assert_allclose(np.linalg.norm(centred(vectors, vectors[0])[1]), 1, rtol=1e-6)

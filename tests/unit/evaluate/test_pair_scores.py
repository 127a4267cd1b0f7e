"""Scores by kind against loops, and what is built on them: geometry, decomposition, calibration."""

import numpy as np
import pytest

from binder.evaluate.calibration import calibrate, check_calibration
from binder.evaluate.decomposition import Scored, decompose
from binder.evaluate.geometry import pair_geometry, shape
from binder.evaluate.items import collapse
from binder.evaluate.pair_scores import pair_scores
from binder.evaluate.relevance import relate, relevance_rules
from binder.evaluate.scoring import Question
from binder.metrics import expected_hit
from tests.evaluate_parts import class_space, encode, make_rows, unit

NUM, DIM = 300, 24


def ask(encoded, rows, query, gallery, attributes=("id",)) -> Question:
    sides = [collapse(encoded[name], rows) for name in (query, gallery)]
    relevance = relate(*sides, attributes, rows)
    return Question(query=sides[0], gallery=sides[1], relevance=relevance, num_bootstrap=100, seed=0)


def scores_of(question):
    return pair_scores(question, question.query.vectors, question.gallery.vectors)


def bound_space(seed, *, shared=0.0, num=NUM):
    """Image native; audio and depth are bound to it, and may share a part that it does not carry."""
    rng = np.random.default_rng(seed)
    image = unit(rng.normal(size=(num, DIM)))
    common = unit(rng.normal(size=(num, DIM)))

    def tower(offset):
        return 0.7 * image + shared * common + 0.5 * unit(rng.normal(size=(num, DIM))) + offset

    offsets = 0.4 * unit(rng.normal(size=(2, DIM)))
    encoded = {
        "image": encode("image", image, native=True),
        "audio": encode("audio", tower(offsets[0])),
        "depth": encode("depth", tower(offsets[1])),
    }
    return encoded, make_rows(num)


def test_scores_are_those_of_a_loop() -> None:
    encoded, rows, _ = class_space(num=60, classes=4)
    question = ask(encoded, rows, "imu", "depth", ("label",))
    found = scores_of(question)
    a, c, label = encoded["imu"].vectors, encoded["depth"].vectors, rows.attribute("label")
    matching, excess, variance = [], [], []
    for i in range(60):
        row = [float(np.dot(a[i].astype(np.float64), c[j])) for j in range(60)]
        yes = [row[j] for j in range(60) if label[i] == label[j]]
        no = [row[j] for j in range(60) if label[i] != label[j]]
        matching += yes
        excess.append(np.mean(yes) - np.mean(no))
        variance.append(np.var(no))
    np.testing.assert_allclose(np.sort(found.matching), np.sort(matching))
    assert found.excess == pytest.approx(np.mean(excess))
    assert found.spread == pytest.approx(np.sqrt(np.mean(variance)))
    assert found.separation == pytest.approx(found.excess / found.spread)
    everything = {round(float(value), 9) for value in (a.astype(np.float64) @ c.T).ravel()}
    assert {round(float(value), 9) for value in found.other} <= everything - {round(v, 9) for v in matching}


def test_a_question_that_everything_answers_has_no_other_kind() -> None:
    encoded, _ = bound_space(0, num=8)
    question = ask(encoded, make_rows(8, label=["same"] * 8), "audio", "depth", ("label",))
    assert scores_of(question) is None
    geometry = pair_geometry(question, None)
    assert (geometry.histogram, geometry.excess, geometry.hubness.k) == (None, None, 8)
    a, c = question.query.vectors, question.gallery.vectors
    distances = [float(np.sum((x - y) ** 2)) for x in a for y in c]
    assert geometry.alignment == pytest.approx(np.mean(distances), abs=1e-5)


def test_geometry_of_a_cell_and_of_its_sides() -> None:
    encoded, rows = bound_space(1)
    question = ask(encoded, rows, "audio", "depth")
    geometry = pair_geometry(question, scores_of(question))
    a, c = encoded["audio"].vectors, encoded["depth"].vectors
    assert geometry.gap == pytest.approx(np.linalg.norm(a.mean(axis=0) - c.mean(axis=0)), abs=1e-6)
    assert geometry.alignment == pytest.approx(np.mean(np.sum((a - c) ** 2, axis=1)), abs=1e-6)
    assert geometry.separability is not None and geometry.separability > 0.95  # the two offsets
    assert geometry.histogram is not None
    assert sum(geometry.histogram.matching) == pytest.approx(1)
    assert sum(geometry.histogram.other) == pytest.approx(1)
    around = shape(question.query, seed=0)
    assert (around.modality, around.native, around.num_items) == ("audio", False, NUM)
    assert 1 < around.effective_dimension <= around.effective_rank <= DIM


def take_apart(encoded, rows):
    def scored(query, gallery):
        question = ask(encoded, rows, query, gallery)
        hit = question.rank(question.query.vectors, question.gallery.vectors)[0].means()["hit@1"]
        return Scored(question=question, scores=scores_of(question), hit=hit, chance=1 / NUM)

    return decompose(scored("audio", "depth"), scored("audio", "image"), scored("image", "depth"))


def test_the_legs_foretell_a_pair_that_only_the_hub_joins() -> None:
    parts = take_apart(*bound_space(2))
    assert parts is not None and parts.promised_hit is not None and parts.leg_ratio is not None
    assert parts.product == pytest.approx(parts.excess, rel=0.1)
    assert parts.promised_hit.value == pytest.approx(parts.hit, abs=0.12)
    assert parts.promised_hit.low is None  # one answer: one promise
    assert 0 < parts.leg_ratio < 1
    assert (parts.first.query, parts.first.gallery, parts.second.gallery) == ("audio", "image", "depth")


def test_with_several_answers_the_promise_is_a_range() -> None:
    encoded, rows, _ = class_space(num=120, classes=6)

    def scored(query, gallery):
        question = ask(encoded, rows, query, gallery, ("label",))
        table = question.rank(question.query.vectors, question.gallery.vectors)[0]
        return Scored(question=question, scores=scores_of(question), hit=table.means()["hit@1"], chance=1 / 6)

    parts = decompose(scored("imu", "depth"), scored("imu", "image"), scored("image", "depth"))
    assert parts is not None
    promise = parts.promised_hit
    assert promise is not None and promise.low is not None and promise.high is not None
    assert promise.low < promise.value < promise.high
    separation = parts.product / scored("imu", "depth").scores.spread
    assert promise.low == pytest.approx(expected_hit(separation, 101), abs=0.02)  # twenty answers in about six classes


def test_what_two_towers_share_beside_the_hub_shows_above_the_promise() -> None:
    parts = take_apart(*bound_space(3, shared=0.6))
    assert parts is not None and parts.excess > 1.4 * parts.product


def test_a_hub_of_one_direction_lets_nothing_through() -> None:
    encoded, rows = bound_space(4)
    point = np.repeat(encoded["image"].vectors[:1], NUM, axis=0)
    encoded["image"] = encode("image", point, native=True)
    assert take_apart(encoded, rows) is None


def test_probabilities_learned_on_validation_come_true_on_test() -> None:
    """Hub pairs are fitted; audio -> depth is foreseen from the legs and never shown a match."""
    encoded, _ = bound_space(5)
    half = NUM // 2
    validation, held_out = (
        {name: encode(name, one.vectors[part], native=one.native) for name, one in encoded.items()}
        for part in (slice(half), slice(half, NUM))
    )
    found, missing = calibrate(validation, make_rows(half), relevance_rules("id", validation)[0])
    assert not missing and len(found) == 6
    for pair, method, worst in ((("audio", "image"), "logistic", 0.08), (("audio", "depth"), "foreseen", 0.15)):
        question = ask(held_out, make_rows(half), *pair)
        check = check_calibration(found[pair], scores_of(question), half)
        assert check.method == method
        assert check.error < worst
        assert check.threshold is not None and check.accepted is not None and check.false_alarms is not None
        assert check.accepted > 20 * check.false_alarms  # one in 150 matches, so most matches stay below it


def test_a_foreseen_model_needs_no_matching_pair() -> None:
    """No row holds both audio and depth: the pair can't be fitted, and is foreseen all the same."""
    encoded, rows = bound_space(6)
    half = NUM // 2
    apart = {
        "image": encoded["image"],
        "audio": encode("audio", encoded["audio"].vectors[:half], rows=range(half)),
        "depth": encode("depth", encoded["depth"].vectors[half:], rows=range(half, NUM)),
    }
    rule = relevance_rules("id", encoded)[0]
    found = calibrate(apart, rows, rule)[0]["audio", "depth"]
    assert found.source == "foreseen from the legs through image"
    question = ask(encoded, rows, "audio", "depth")
    assert check_calibration(found, scores_of(question), NUM).error < 0.15


def test_pairs_without_calibration_say_why() -> None:
    encoded, rows = bound_space(7)
    towers = {name: encoded[name] for name in ("audio", "depth")}
    found, missing = calibrate(towers, rows, relevance_rules("id", towers)[0])
    assert not found
    assert any("audio -> depth is not calibrated: no hub modality" in line for line in missing)
    few = {name: encode(name, one.vectors[:4], native=one.native) for name, one in encoded.items()}
    found, missing = calibrate(few, make_rows(4), relevance_rules("id", few)[0])
    assert any("can't calibrate on these" in line for line in missing)

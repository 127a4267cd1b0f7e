"""Raw against corrected with paired intervals, evidence without emergent pairs, and the guard that does no harm."""

import numpy as np
import pytest
from evaluate_parts import encode, make_rows, unit
from pydantic import TypeAdapter

from binder.errors import MetricError
from binder.evaluate.corrections import (
    Choice,
    Comparison,
    choose_correction,
    compare,
    comparing,
    fit_correction,
    relayed_question,
)
from binder.evaluate.corrections.comparing import rank_corrected
from binder.evaluate.items import collapse
from binder.evaluate.relevance import relate
from binder.evaluate.scoring import Question
from binder.metrics import rank_metrics

DIM, CLASSES = 24, 12


def world(num=240, *, offset=0.0, noise=0.35, seed=0, same=0):
    """Items of image (hub), audio and depth that know the class of their row; towers with offsets of their own."""
    rng = np.random.default_rng(seed)
    prototypes = np.random.default_rng(same).normal(size=(CLASSES, DIM))
    ways = np.random.default_rng(same + 1).normal(size=(2, DIM)) * offset
    labels = rng.integers(CLASSES, size=num)
    rows = make_rows(num, groups=[f"g{i // 4}" for i in range(num)], label=[f"c{k}" for k in labels])

    def side(name, native, shift):
        vectors = unit(prototypes[labels] + noise * DIM**0.5 * rng.normal(size=(num, DIM)) + shift)
        return collapse(encode(name, vectors, native=native), rows)

    items = {"image": side("image", True, 0)}
    items |= {name: side(name, False, way) for name, way in zip(("audio", "depth"), ways, strict=True)}
    # captions of classes: few, and shared by many rows
    captions = encode("text", unit(prototypes)[labels], content=[f"caption {k}" for k in labels], native=True)
    return {**items, "text": collapse(captions, rows)}, rows


def question(items, rows, query, gallery, by="label"):
    relevance = relate(items[query], items[gallery], (by,), rows)
    return Question(query=items[query], gallery=items[gallery], relevance=relevance, num_bootstrap=300, seed=0)


def fit(stages, items, **options):
    vectors = {name: one.vectors for name, one in items.items()}
    return fit_correction(stages, vectors, native=("image", "text"), **options)


def test_a_comparison_is_the_ranks_of_both_scores_with_the_interval_of_their_difference():
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    correction, asked = fit("centre+csls", train), question(*world(seed=2), "audio", "depth")
    found = compare(asked, correction)
    audio, depth = (correction.vectors(name, items[name].vectors) for name in ("audio", "depth"))
    scores = correction.scorer("audio", "depth", depth)(audio)
    labels = np.array(rows.attribute("label"))
    relevant = labels[:, None] == labels
    tables = [rank_metrics(one, relevant) for one in (items["audio"].vectors @ items["depth"].vectors.T, scores)]
    for metric in ("hit@1", "mAP"):
        raw, corrected = (table.means()[metric] for table in tables)
        assert found.raw[metric].value == pytest.approx(raw)
        assert found.corrected[metric].value == pytest.approx(corrected)
        assert found.difference[metric].value == pytest.approx(corrected - raw, abs=1e-9)
    paired, alone = found.difference["mAP"], found.corrected["mAP"]
    assert paired.low < paired.value < paired.high
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)  # same draws on both sides
    assert (found.query, found.gallery, found.correction) == ("audio", "depth", "centre+csls")
    adapter = TypeAdapter(Comparison)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_a_score_that_changes_nothing_has_a_difference_of_zero():
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    zeros = {name: np.concatenate([one.vectors, -one.vectors]) for name, one in train.items()}
    correction = fit_correction("centre", zeros, native=("image", "text"))  # means of zero
    found = compare(question(items, rows, "audio", "depth"), correction).difference["mAP"]
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-6)


def test_offsets_of_two_towers_meet_in_an_emergent_pair_and_centring_takes_them_out():
    (train, _), (items, rows) = world(seed=1, offset=1.0), world(seed=2, offset=1.0)
    found = compare(question(items, rows, "audio", "depth"), fit("centre", train))
    assert found.difference["mAP"].low > 0
    test = fit("centre", items, transductive=True)
    assert compare(question(items, rows, "audio", "depth"), test).transductive


def test_a_relayed_question_holds_no_row_on_both_sides_and_answers_as_the_hub_says():
    items, rows = world(seed=2)
    for hub in ("image", "text"):
        asked = relayed_question(items["audio"], items["depth"], items[hub], rows, num_bootstrap=100, seed=0)
        halves = [{rows.groups[row] for row in side.rows} for side in (asked.query, asked.gallery)]
        assert not halves[0] & halves[1] and halves[0] | halves[1] == set(rows.groups)
        answers = asked.relevance.matrix().toarray() > 0
        partner = items[hub].vectors[items[hub].item_of_row]
        for i, row in enumerate(asked.query.first_row[:40]):
            near = [float(partner[row] @ partner[other]) for other in asked.gallery.first_row]
            assert answers[i].tolist() == [value >= max(near) - 1e-5 for value in near]
    labels = np.array(rows.attribute("label"))
    same = labels[asked.query.first_row][:, None] == labels[asked.gallery.first_row]
    np.testing.assert_array_equal(answers, same)  # the same caption, hence the same class


def test_items_without_a_hub_partner_take_no_part():
    items, rows = world(seed=2)
    few = collapse(encode("image", items["image"].vectors[:100], native=True), rows)
    asked = relayed_question(items["audio"], items["depth"], few, rows, num_bootstrap=100, seed=0)
    assert max(asked.query.first_row.max(), asked.gallery.first_row.max()) < 100
    none = collapse(encode("image", items["image"].vectors[:2], native=True), rows)  # both of one group
    assert relayed_question(items["audio"], items["depth"], none, rows, num_bootstrap=100, seed=0) is None


def evidence(items, rows, hub="text"):
    pairs = [(a, b) for tower in ("audio", "depth") for a, b in ((tower, hub), (hub, tower))]
    relayed = [
        relayed_question(items[a], items[b], items[hub], rows, num_bootstrap=300, seed=0)
        for a, b in (("audio", "depth"), ("depth", "audio"))
    ]
    return [question(items, rows, *pair) for pair in pairs], relayed


def test_what_helps_emergent_pairs_is_chosen_without_one():
    (train, _), (items, rows) = world(seed=1, offset=1.0), world(seed=2, offset=1.0)
    choice = choose_correction([fit("centre", train), fit("whiten", train)], *evidence(items, rows))
    assert choice.chosen == "centre" and choice.trials[0].verdict == "chosen"
    assert choice.trials[0].relayed.sure > 0
    unseen, other_rows = world(seed=3, offset=1.0)
    assert compare(question(unseen, other_rows, "audio", "depth"), fit("centre", train)).difference["mAP"].low > 0
    adapter = TypeAdapter(Choice)
    assert adapter.validate_json(adapter.dump_json(choice)) == choice


def test_raw_is_left_alone_where_nothing_is_surely_better():
    """Twenty corrections that do next to nothing: one of them is the best by luck."""
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    candidates = [fit(f"nnn:alpha={0.001 * k:.3f},k={k}", train) for k in range(1, 6)]
    choice = choose_correction(candidates, *evidence(items, rows))
    assert choice.chosen is None and "without harm" in choice.why
    assert {trial.verdict for trial in choice.trials} <= {"no sure gain"} | {
        t.verdict for t in choice.trials if t.harmed
    }


def test_harm_to_one_hub_pair_is_harm():
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    wrong = {**train, "depth": world(seed=1, offset=3.0)[0]["depth"]}  # a mean that is not that of the test's depth
    choice = choose_correction([fit("centre", wrong)], *evidence(items, rows))
    assert choice.chosen is None and choice.trials[0].harmed and choice.trials[0].verdict.startswith("harms ")


def test_of_few_groups_nothing_is_concluded():
    (train, _), (items, rows) = world(seed=1, offset=1.0), world(num=16, seed=2, offset=1.0)
    choice = choose_correction([fit("centre", train)], *evidence(items, rows, "image"))
    assert choice.chosen is None and "no intervals" in choice.trials[0].verdict


def test_emergent_pairs_and_the_tests_own_vectors_cannot_choose():
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    hub, relayed = evidence(items, rows)
    with pytest.raises(MetricError, match="not a hub pair"):
        choose_correction([fit("centre", train)], [question(items, rows, "audio", "depth")], relayed)
    with pytest.raises(MetricError, match="transductive"):
        choose_correction([fit("centre", items, transductive=True)], hub)
    with pytest.raises(MetricError, match="nothing to choose by"):
        choose_correction([], hub)


def test_blocks_of_queries_rank_as_the_whole(monkeypatch):
    (train, _), (items, rows) = world(seed=1), world(seed=2)
    asked, correction = question(items, rows, "audio", "depth"), fit("centre+qb-norm", train)
    whole = rank_corrected(asked, correction)
    monkeypatch.setattr(comparing, "rows_per_block", lambda num: 7)
    np.testing.assert_array_equal(rank_corrected(asked, correction).best_rank, whole.best_rank)

import warnings

import numpy as np
import pytest
from evaluate_parts import encode, make_rows, unit
from pydantic import TypeAdapter
from sklearn.metrics import average_precision_score, balanced_accuracy_score, top_k_accuracy_score

from binder.errors import MetricError
from binder.evaluate import Certificate
from binder.evaluate.protocols.labelled import Prototypes, check_apart, label_items
from binder.evaluate.protocols.zero_shot import ZeroShot, top_1, zero_shot

EMERGENT = Certificate(status="emergent", pair="emergent")
ANIMALS = ("bee", "cat", "cow", "dog", "elk", "fox", "owl")


def world(num=210, *, noise=2.0, seed=0, several=False, names=None):
    """Items around the prototypes of their labels; `several`: some have two."""
    rng = np.random.default_rng(seed)
    names = names or {animal: [animal] for animal in ANIMALS}
    vectors = unit(rng.normal(size=(sum(map(len, names.values())), 16)))
    first = np.cumsum([0, *(len(own) for own in names.values())])[:-1]
    true = rng.integers(len(names), size=num)
    labels = [[list(names)[k]] for k in true]
    if several:
        labels = [[*own, "owl"] if i % 3 == 0 and own != ["owl"] else own for i, own in enumerate(labels)]
    encoded = encode("audio", vectors[first[true]] + noise * rng.normal(size=(num, 16)) / 4)
    rows = make_rows(num, groups=[f"g{i // 5}" for i in range(num)], kind=labels)
    return encoded, rows, Prototypes(names=names, vectors=vectors)


def run(encoded, rows, prototypes, **options):
    items = label_items(encoded, rows, "kind", prototypes.classes)
    return zero_shot(items, prototypes, certificate=EMERGENT, **{"num_bootstrap": 100, **options}), items


def test_metrics_equal_those_of_scikit_learn():
    encoded, rows, prototypes = world()
    got, items = run(encoded, rows, prototypes)
    scores, truth = encoded.vectors @ prototypes.vectors.T, items.numbers()
    assert 0.4 < got.metrics["top-1"].value < 0.95
    assert got.metrics["top-1"].value == pytest.approx(top_k_accuracy_score(truth, scores, k=1))
    assert got.metrics["top-5"].value == pytest.approx(top_k_accuracy_score(truth, scores, k=5))
    assert got.metrics["macro"].value == pytest.approx(balanced_accuracy_score(truth, scores.argmax(axis=1)))
    assert got.metrics["mAP"].value == pytest.approx(average_precision_score(items.truth, scores, average="macro"))
    assert np.array(got.confusion).sum() == len(items) and got.certificate == EMERGENT
    assert sum(got.confusion[i][i] for i in range(7)) / len(items) == pytest.approx(got.metrics["top-1"].value)
    for number, one in enumerate(got.classes):
        assert one.accuracy == pytest.approx((scores[truth == number].argmax(axis=1) == number).mean())
        assert one.num_queries == (truth == number).sum()
    for estimate in got.metrics.values():
        assert estimate.low < estimate.value < estimate.high
    assert TypeAdapter(ZeroShot).validate_json(TypeAdapter(ZeroShot).dump_json(got)) == got


def test_several_labels_count_as_any_of_them_and_mean_average_precision_as_all():
    got, items = run(*world(several=True))
    encoded, _, prototypes = world(several=True)
    scores = encoded.vectors @ prototypes.vectors.T
    assert got.metrics["mAP"].value == pytest.approx(average_precision_score(items.truth, scores, average="macro"))
    right = [items.truth[i, scores[i].argmax()] for i in range(len(items))]
    assert got.metrics["top-1"].value == pytest.approx(np.mean(right))
    assert any("have several labels" in note for note in got.notes)
    assert np.array(got.confusion).sum() == items.single.sum() < len(items)


def test_a_class_scores_as_the_best_of_its_names():
    names = {"room": ["bedroom", "kitchen"], "other": ["cellar", "attic", "shed"], "street": ["street"]}
    encoded, rows, prototypes = world(names=names)
    got, items = run(encoded, rows, prototypes)
    best = np.stack([(encoded.vectors @ prototypes.vectors.T)[:, part].max(axis=1) for part in
                     (slice(0, 2), slice(2, 5), slice(5, 6))], axis=1)  # fmt: skip
    assert got.metrics["top-1"].value == pytest.approx((best.argmax(axis=1) == items.numbers()).mean())
    assert list(got.metrics) == ["top-1", "macro", "mAP"]  # top-5 of three classes says nothing
    assert got.classes[1].names == ("cellar", "attic", "shed")


@pytest.mark.parametrize("several", [False, True])
def test_chance_is_what_random_vectors_score(several):
    encoded, rows, prototypes = world(several=several, num=105)
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        noise = encode("audio", rng.normal(size=encoded.vectors.shape))
        blind = Prototypes(names=prototypes.names, vectors=unit(rng.normal(size=prototypes.vectors.shape)))
        found.append({name: one.value for name, one in run(noise, rows, blind, num_bootstrap=1)[0].metrics.items()})
    chance = run(encoded, rows, prototypes)[0].chance
    for name, expected in chance.items():
        values = [one[name] for one in found]
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / np.sqrt(60)), name


def test_the_interval_of_average_precision_lies_about_it_though_drawn_twice_items_flatter_it():
    encoded, rows, prototypes = world(num=140)
    noise = encode("audio", np.random.default_rng(5).normal(size=encoded.vectors.shape))
    alone = make_rows(140, kind=rows.attribute("kind"))
    found = run(noise, alone, prototypes, num_bootstrap=400)[0].metrics["mAP"]
    assert (found.value - found.low) / (found.high - found.low) == pytest.approx(0.5, abs=0.12)  # near 0 if not centred


def test_a_collapsed_tower_is_undecided_and_never_right():
    encoded, rows, prototypes = world()
    flat = Prototypes(names=prototypes.names, vectors=np.repeat(prototypes.vectors[:1], 7, axis=0))
    got, items = run(encoded, rows, flat)
    assert got.metrics["top-1"].value == 0
    assert np.array(got.confusion)[:, -1].sum() == len(items)
    assert got.metrics["mAP"].value < 0.3


def test_what_has_no_label_or_no_query_is_told_by_name():
    encoded, rows, prototypes = world()
    kinds = [None if i < 10 else "cow" if kind == ["owl"] else kind for i, kind in enumerate(rows.attribute("kind"))]
    got, items = run(encoded, make_rows(210, kind=kinds), prototypes)
    assert got.num_queries == len(items) == 200
    assert "10 items without a kind left out" in got.notes
    assert any("1 classes without a query" in note and "owl" in note for note in got.notes)
    assert got.classes[-1].accuracy is None and got.classes[-1].average_precision is None


def test_equal_contents_are_one_query_with_the_labels_of_all_their_rows():
    encoded = world(num=4)[0]
    twice = encode("audio", encoded.vectors[[0, 0, 1, 2]], content=["a", "a", "b", "c"])
    items = label_items(twice, make_rows(4, kind=["cat", "dog", "cat;owl", "dog"]), "kind", separator=";")
    assert items.classes == ("cat", "dog", "owl")
    assert items.truth.tolist() == [[True, True, False], [True, False, True], [False, True, False]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "nothing to tell apart"),
        ({"cat": ["cat"]}, "nothing to tell apart"),
        ({"cat": ["cat"], "dog": []}, r"classes without a list of names[\s\S]*'dog'"),
        ({"cat": ["cat"], "dog": "dog"}, r"classes without a list of names[\s\S]*'dog'"),
        ({"cat": ["cat"], "dog": [" "]}, r"empty names[\s\S]*'dog'"),
        ({"cat": ["cat"], "": ["dog"]}, r"empty names[\s\S]*''"),
        ({"cat": ["cat"], "dog": ["Cat "]}, r"stands twice[\s\S]*'cat'; 'cat' in 'cat', 'dog'"),
    ],
)
def test_prototypes_that_do_not_name_classes_are_refused(names, message):
    with pytest.raises(MetricError, match=message):
        Prototypes(
            names=names,
            vectors=unit(np.ones((sum(map(len, names.values())), 4))) if names else np.ones((0, 4), np.float32),
        )


def test_labels_that_cannot_be_resolved_are_refused():
    encoded, _, prototypes = world(num=3)
    for kinds, message in (
        (["cat", "bat", "rat"], r"kind without a prototype[\s\S]*'bat', 'rat', 2 items"),
        (["cat", "", "dog"], "empty strings in kind"),
        ([None, None, None], "no audio item has a kind"),
    ):
        with pytest.raises(MetricError, match=message):
            label_items(encoded, make_rows(3, kind=kinds), "kind", prototypes.classes)


def test_prototypes_of_other_classes_or_width_are_refused():
    encoded, rows, prototypes = world(num=30)
    items = label_items(encoded, rows, "kind", prototypes.classes)
    narrow = Prototypes(names=prototypes.names, vectors=unit(prototypes.vectors[:, :8]))
    with pytest.raises(MetricError, match="different width"):
        top_1(items, narrow)
    with pytest.raises(MetricError, match="different classes"):
        top_1(label_items(encoded, rows, "kind", ANIMALS[::-1]), prototypes)


def test_items_of_one_group_have_no_interval_and_shared_groups_are_found():
    encoded, rows, prototypes = world(num=20)
    alone = make_rows(20, groups=["g"] * 20, kind=rows.attribute("kind"))
    with warnings.catch_warnings(action="error"):
        got, items = run(encoded, alone, prototypes)
    assert got.metrics["top-1"].low is None and "no intervals: all items are of one group" in got.notes
    with pytest.raises(MetricError, match="share groups"):
        check_apart(items, items)

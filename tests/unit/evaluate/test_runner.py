import time

import numpy as np
import pytest
from evaluate_parts import class_space, encode, make_ledger, make_rows
from oracles import chance_by_enumeration, retrieval_by_loops

from binder.errors import MetricError
from binder.evaluate import EncodedModality, Rows, evaluate_space

HUB = {"hub_fingerprint": "hub-1", "hub_native": ("text", "image")}


def evaluate(encoded, rows, *, relevance="label", ledgers=None, **options):
    options = {"num_bootstrap": 200, **HUB, **options}
    return evaluate_space(encoded, rows, relevance=relevance, ledgers=ledgers or {}, **options)


def test_every_ordered_pair_is_there_once_per_rule_with_its_certificate():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    report = evaluate(encoded, rows, relevance=["label", "id"], ledgers=ledgers)
    assert len({(cell.query, cell.gallery, cell.rule) for cell in report.cells}) == len(report.cells) == 2 * 12
    verdicts = {cell.name: cell.certificate.status for cell in report.cells if cell.rule == "label"}
    assert verdicts["text -> image"] == verdicts["image -> text"] == "hub-native"
    assert verdicts["imu -> image"] == verdicts["image -> depth"] == "trained"
    assert verdicts["imu -> depth"] == verdicts["text -> imu"] == "emergent"


def test_a_cell_equals_loops_over_distinct_contents():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    report = evaluate(encoded, rows, ledgers=ledgers)
    labels = np.array(rows.attribute("label"))
    for name in ("text", "image"):
        one = encoded[name]
        first = np.unique(np.array(one.content), return_index=True)[1]
        loops = retrieval_by_loops(
            encoded["imu"].vectors @ one.vectors[first].T, labels[:, None] == labels[first], (1,)
        )
        cell = report.cell("imu", name)
        assert cell.num_gallery == {"text": 4, "image": 40}[name]
        assert cell.metrics["hit@1"].value == pytest.approx(np.mean([row["hit@1"] for row in loops]))
        assert cell.metrics["mAP"].value == pytest.approx(np.mean([row["mAP"] for row in loops]), rel=1e-6)
        assert cell.metrics["median_rank"].value == np.median([row["best_rank"] for row in loops])
    assert report.cell("text", "imu").num_queries == 4  # captions, not rows


def test_zero_shot_top_1_is_hit_at_1_among_the_captions():
    encoded, rows, ledgers = class_space(num=60, classes=6, noise=2.5)
    captions = sorted(set(encoded["text"].content))
    vectors = np.stack([encoded["text"].vectors[encoded["text"].content.index(caption)] for caption in captions])
    said = [captions[i].split()[1] for i in (encoded["imu"].vectors @ vectors.T).argmax(axis=1)]
    top_1 = np.mean([f"class {name}" == label for name, label in zip(said, rows.attribute("label"), strict=True)])
    assert 0.2 < top_1 < 1
    assert evaluate(encoded, rows, ledgers=ledgers).cell("imu", "text").metrics["hit@1"].value == pytest.approx(top_1)


def test_chance_and_lift_stand_beside_every_metric_and_cutoffs_end_at_the_gallery():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    cell = evaluate(encoded, rows, ledgers=ledgers).cell("imu", "text")
    names = {"hit@1", "recall@1", "mAP", "mAP@R", "R-precision", "MRR", "median_rank"}  # four captions: no nDCG@10
    assert set(cell.metrics) == set(cell.chance) == set(cell.lift) == names
    assert cell.chance == pytest.approx(chance_by_enumeration(4, 1, (1,)))
    assert cell.lift["mAP"] == pytest.approx(cell.metrics["mAP"].value / cell.chance["mAP"])
    assert cell.lift["median_rank"] == pytest.approx(2.5 / cell.metrics["median_rank"].value)


def test_a_perfect_space_scores_one():
    vectors = np.eye(6)[[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]]
    rows = make_rows(12, label=list("abcdef") * 2)
    encoded = {"imu": encode("imu", vectors), "text": encode("text", vectors, native=True)}
    for cell in evaluate(encoded, rows).cells:
        values = {name: estimate.value for name, estimate in cell.metrics.items()}
        assert (values.pop("recall@1"), set(values.values())) == (0.5, {1.0})


def test_a_collapsed_tower_never_hits_and_stays_at_chance():
    rng = np.random.default_rng(0)
    kind = np.arange(50) % 10
    rows = make_rows(50, label=[f"c{k}" for k in kind])
    encoded = {
        "imu": encode("imu", np.tile(rng.normal(size=(1, 8)), (50, 1)), centre=np.zeros(8, np.float32)),
        "depth": encode("depth", np.tile(rng.normal(size=(1, 8)), (50, 1)), centre=np.zeros(8, np.float32)),
        "text": encode("text", rng.normal(size=(10, 8))[kind], native=True, content=[f"{k}" for k in kind]),
    }  # fmt: skip
    report = evaluate(encoded, rows)
    for pair in (("imu", "depth"), ("depth", "imu"), ("text", "imu"), ("text", "depth")):
        cell = report.cell(*pair)
        assert cell.metrics["hit@1"].value == 0, cell.name
        assert cell.metrics["mAP"].value < 2 * cell.chance["mAP"]


def test_order_of_the_rows_does_not_matter():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    order = np.random.default_rng(9).permutation(40)
    moved_rows = Rows(
        ids=[rows.ids[i] for i in order],
        groups=[rows.groups[i] for i in order],
        attributes={"label": [rows.attribute("label")[i] for i in order]},
    )
    moved = {
        name: EncodedModality(
            name=name,
            vectors=one.vectors[order],
            rows=np.arange(40),
            content=tuple(one.content[i] for i in order),
            native=one.native,
        )
        for name, one in encoded.items()
    }
    before, after = (evaluate(e, r, ledgers=ledgers) for e, r in ((encoded, rows), (moved, moved_rows)))
    for one, other in zip(before.cells, after.cells, strict=True):
        for name in one.metrics:
            assert one.metrics[name].value == pytest.approx(other.metrics[name].value, rel=1e-5), (one.name, name)


def test_rows_without_the_sample_are_absent_and_unanswered_queries_are_counted():
    rows = make_rows(6, label=["a", "a", "b", "c", None, "d"])
    vectors = np.eye(6)
    encoded = {
        "imu": encode("imu", vectors),  # b, c and None have no caption
        "text": encode("text", vectors[[0, 1, 5]], rows=[0, 1, 5], native=True),
    }
    cell = evaluate(encoded, rows).cell("imu", "text")
    assert (cell.num_queries, cell.num_dropped, cell.num_gallery) == (3, 3, 3)
    assert cell.mean_relevant == pytest.approx((2 + 2 + 1) / 3)
    assert "3 of 6 queries dropped: no relevant item in the gallery" in cell.notes


def test_a_pair_without_shared_attributes_or_answers_is_not_evaluated_and_says_why():
    rows = make_rows(3, sound=["a", "b", "c"], shape=["x", None, None], label=["p", "q", "r"])
    encoded = {
        "audio": encode("audio", np.eye(3)),
        "depth": encode("depth", np.eye(3)[:1], rows=[0]),
        "imu": encode("imu", np.eye(3)[1:], rows=[1, 2]),
    }
    sees = {"audio": ["sound"], "depth": ["shape", "label"], "imu": ["label"]}
    report = evaluate(encoded, rows, relevance=sees)
    assert report.cell("audio", "depth").why_not == "audio and depth share no attribute under rule 'attributes'"
    assert report.cell("imu", "depth").why_not == "none of 2 imu queries has a relevant item among 1 depth"
    assert report.cell("imu", "depth").attributes == ("label",)
    assert len(report.ranks) == 0 and report.headlines == ()


@pytest.mark.parametrize(
    ("groups", "note"),
    [(1, "no intervals: all queries are of one group"), (4, "rough intervals: only 4 groups"), (40, None)],
)
def test_few_groups_are_said_beside_the_interval(groups, note):
    encoded, rows, ledgers = class_space(num=40, classes=4, groups=groups)
    cell = evaluate(encoded, rows, ledgers=ledgers).cell("imu", "depth")
    assert cell.num_groups == groups
    assert [text for text in cell.notes if "interval" in text and text.startswith(note or "-")] or note is None
    hit = cell.metrics["hit@1"]
    assert (hit.low is None) == (groups == 1)
    if groups > 1:
        assert hit.low <= hit.value <= hit.high


def test_averages_leave_out_tainted_cells_and_say_so():
    encoded, rows, ledgers = class_space(num=60, classes=5, noise=2.0)
    leak = make_ledger("depth", partner="image", items=[("train", "x", "z", "depth", "depth:0")])
    report = evaluate(encoded, rows, ledgers={**ledgers, "depth": leak})
    lines = {line.name: line for line in report.headlines}
    assert sorted(lines) == ["emergent", "emergent, tower to tower", "hub-native", "trained"]
    emergent = lines["emergent"]
    assert emergent.cells == ("text -> imu", "imu -> text")
    assert len(emergent.left_out) == 4 and "imu -> depth" in emergent.left_out
    values = [report.cell(*name.split(" -> ")).metrics["mAP"].value for name in emergent.cells]
    assert emergent.metrics["mAP"].value == pytest.approx(np.mean(values))
    assert emergent.metrics["mAP"].low < emergent.metrics["mAP"].value < emergent.metrics["mAP"].high
    assert lines["emergent, tower to tower"].cells == () and lines["emergent, tower to tower"].metrics == {}


def test_the_interval_of_an_average_is_that_of_the_per_group_average():
    """Both cells have one query per group, so the joint bootstrap is that of their per-row mean."""
    rng = np.random.default_rng(0)
    rows = make_rows(50)
    shared = rng.normal(size=(50, 8))
    encoded = {name: encode(name, shared + rng.normal(size=shared.shape)) for name in ("imu", "depth")}
    ledgers = {name: make_ledger(name) for name in encoded}
    report = evaluate(encoded, rows, relevance="id", ledgers=ledgers, num_bootstrap=2000)
    ranks = report.ranks.to_pylist()
    per_row = [np.mean([row["average_precision"] for row in ranks if row["id"] == name]) for name in rows.ids]
    spread = np.std(per_row) / np.sqrt(50)
    (line,) = report.headlines
    assert line.metrics["mAP"].high - line.metrics["mAP"].low == pytest.approx(2 * 1.96 * spread, rel=0.1)


@pytest.mark.parametrize(
    ("encoded", "options", "message"),
    [
        ({"imu": encode("imu", np.eye(3))}, {}, "at least two"),
        ({"imu": encode("imu", np.eye(3)), "depth": encode("depth", np.eye(4)[:3])}, {}, "different width"),
        ({"imu": encode("imu", np.eye(3)), "depth": encode("imu", np.eye(3))}, {}, "another's name"),
        ({"imu": encode("imu", np.eye(3), native=True), "text": encode("text", np.eye(3))}, {}, "imu is called native"),
        ({"imu": encode("imu", np.eye(3)), "text": encode("text", np.eye(3))}, {"relevance": "colour"}, "'colour'"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused(encoded, options, message):
    with pytest.raises(MetricError, match=message):
        evaluate(encoded, make_rows(3, label=["a", "b", "c"]), **options)


@pytest.mark.slow
def test_a_thousand_rows_of_six_modalities_take_seconds():
    encoded, rows, ledgers = class_space(num=1000, classes=27, dim=384, groups=100)
    for name in ("audio", "thermal"):
        like = encoded["imu"]
        encoded[name] = encode(name, like.vectors, untrained=like.untrained, centre=like.centre)
        ledgers[name] = make_ledger(name, partner="image")
    start = time.process_time()
    report = evaluate(encoded, rows, ledgers=ledgers, num_bootstrap=1000)
    assert time.process_time() - start < 15
    assert len(report.cells) == 30

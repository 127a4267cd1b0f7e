import numpy as np
import pytest
from evaluate_parts import encode, make_rows
from hypothesis import given
from hypothesis import strategies as st
from oracles import relevant_by_loops

from binder.errors import MetricError
from binder.evaluate.items import collapse
from binder.evaluate.relevance import RelevanceRule, relate, relevance_rules

VALUES = st.sampled_from([None, "a", "b", "c"])


def row_values(items, rows, names):
    values = [tuple(rows.attribute(name)[row] for name in names) for row in range(len(rows))]
    return [
        [values[r] for r, i in zip(items.rows, items.item_of_row, strict=True) if i == item]
        for item in range(len(items))
    ]


@given(st.data())
def test_relevance_equals_loops_over_the_rows_of_every_item(data):
    num = data.draw(st.integers(1, 8))
    columns = {name: data.draw(st.lists(VALUES, min_size=num, max_size=num)) for name in ("shape", "colour")}
    rows = make_rows(num, **columns)
    shared = data.draw(st.sampled_from([("shape",), ("shape", "colour"), ("id",)]))
    sides = []
    for name in ("imu", "text"):
        contents = data.draw(st.lists(st.sampled_from("xyz"), min_size=num, max_size=num))
        vectors = [[1.0, 0.0]] * num  # equal contents need equal vectors
        sides.append(collapse(encode(name, vectors, content=contents), rows))
    relevance = relate(*sides, shared, rows)
    expected = relevant_by_loops(*(row_values(side, rows, shared) for side in sides))
    np.testing.assert_array_equal(relevance.block(np.arange(len(sides[0]))), expected)
    np.testing.assert_array_equal(relevance.answered(), expected.any(axis=1))


def test_a_pair_is_judged_by_what_both_can_see():
    rule = RelevanceRule(
        name="mine", sees={"imu": ("motion", "size"), "image": ("size", "colour"), "audio": ("pitch",)}
    )
    assert rule.shared("imu", "image") == ("size",)
    assert rule.why_not("imu", "image") is None
    assert rule.why_not("imu", "audio") == "imu and audio share no attribute under rule 'mine'"
    assert rule.why_not("imu", "text") == "rule 'mine' names no attribute of text"


def test_rules_are_built_as_a_configuration_writes_them():
    by_id, label, mapping = relevance_rules(["id", "label", {"imu": ["motion"]}], ["imu", "text"])
    assert dict(by_id.sees) == {"imu": ("id",), "text": ("id",)}
    assert dict(label.sees) == {"imu": ("label",), "text": ("label",)}
    assert (mapping.name, dict(mapping.sees)) == ("attributes", {"imu": ("motion",)})
    assert relevance_rules("label", ["imu", "text"]) == (label,)
    assert relevance_rules(mapping, ["imu"]) == (mapping,)


@pytest.mark.parametrize("specs", [[], ["id", "id"]])
def test_no_rule_and_double_names_are_refused(specs):
    with pytest.raises(MetricError, match="different names"):
        relevance_rules(specs, ["imu"])


def test_a_column_of_lists_is_refused():
    rows = make_rows(1, latents=[["a"]])
    items = collapse(encode("imu", [[1, 0]]), rows)
    with pytest.raises(MetricError, match="latents cannot be compared"):
        relate(items, items, ("latents",), rows)


def test_a_graded_rule_gives_the_gain_of_the_best_column_in_which_two_items_agree():
    rows = make_rows(4, label=["a", "a", "b", None])
    sides = [collapse(encode(name, np.eye(4)), rows) for name in ("imu", "depth")]
    (rule,) = relevance_rules({"id": 2, "label": 1}, ["imu", "depth"])
    assert (rule.name, rule.gains, rule.shared("imu", "depth")) == ("graded", {"id": 2, "label": 1}, ("id", "label"))
    relevance = relate(*sides, rule.shared("imu", "depth"), rows, rule.gains)
    expected = [[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]]
    np.testing.assert_array_equal(relevance.matrix().toarray(), expected)


@pytest.mark.parametrize("spec", [{"id": 2, "label": 0}, {"id": -1}, {"id": 2, "imu": ["label"]}])
def test_gains_that_mean_nothing_are_refused(spec):
    with pytest.raises(MetricError, match="not a graded rule"):
        relevance_rules(spec, ["imu"])

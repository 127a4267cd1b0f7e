import numpy as np
import pytest
from evaluate_parts import encode, make_rows, unit

from binder.errors import MetricError
from binder.evaluate import EncodedModality
from binder.evaluate.items import collapse

GOOD = unit([[3, 4], [1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": np.array([[np.nan, 1], [1, 0], [0, 1]], np.float32)}, r"vectors of imu hold NaN.*\n.*first \[0\]"),
        ({"vectors": GOOD * np.float32(2)}, r"vectors of imu are not of unit norm\n.*norm 2 at vector 0, 3 such"),
        ({"untrained": GOOD * np.float32(1.1)}, "untrained imu are not of unit norm"),
        ({"content": ("a", "b")}, r"lengths of imu differ\n.*3 vectors, 3 rows, 2 content"),
        ({"rows": np.array([0, 1, 1])}, "a row of imu has two vectors"),
        ({"centre": np.array([np.nan, 0], np.float32)}, "unusable centre of imu"),
    ],
)
def test_broken_vectors_are_refused_with_the_modality_named(change, message):
    fine = {"name": "imu", "vectors": GOOD, "rows": np.arange(3), "content": ("a", "b", "c"), "native": False}
    EncodedModality(**fine)
    with pytest.raises(MetricError, match=message):
        EncodedModality(**{**fine, **change})


def test_rows_of_unequal_length_and_unknown_columns_are_refused():
    with pytest.raises(MetricError, match="label: one value per row"):
        make_rows(3, label=["a"])
    with pytest.raises(MetricError, match=r"column 'colour'.*\n.*group, id, label"):
        make_rows(1, label=["a"]).attribute("colour")


def test_id_and_group_are_columns_and_nan_is_unknown():
    rows = make_rows(2, groups=["a", "b"], size=[float("nan"), 1.0])
    assert rows.attribute("id") == ["r0", "r1"]
    assert rows.attribute("group") == ["a", "b"]
    assert rows.attribute("size") == [None, 1.0]


def test_equal_contents_become_one_item_with_all_its_rows():
    rows = make_rows(6, groups=["a", "a", "b", "b", "c", "c"])
    vectors = unit([[1, 0], [0, 1], [1, 0], [3, 4], [0, 1]])
    encoded = encode("text", vectors, content=["x", "y", "x", "z", "y"], rows=[0, 1, 2, 3, 5], native=True)
    items = collapse(encoded, rows)
    assert items.content == ("x", "y", "z")
    np.testing.assert_array_equal(items.vectors, vectors[[0, 1, 3]])
    assert items.item_of_row.tolist() == [0, 1, 0, 2, 1]
    assert items.first_row.tolist() == [0, 1, 3]
    assert items.groups == ("x", "y", "b")  # x and y are in several groups, so each is its own


def test_one_content_with_two_vectors_is_refused():
    encoded = encode("imu", [[1, 0], [0, 1]], content=["x", "x"])
    with pytest.raises(MetricError, match=r"imu: one content, two vectors\n.*row 1 differs from row 0"):
        collapse(encoded, make_rows(2))


def test_a_row_outside_the_table_is_refused():
    with pytest.raises(MetricError, match="outside the table"):
        collapse(encode("imu", [[1, 0]], rows=[2]), make_rows(2))

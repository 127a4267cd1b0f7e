"""What a report promises about graded relevance and about galleries of a stated size."""

import numpy as np
import pytest
from evaluate_parts import class_space
from oracles import ndcg_of_every_order, pool_by_enumeration

from binder.errors import MetricError
from binder.evaluate import evaluate_space

OPTIONS = {"hub_fingerprint": "hub-1", "hub_native": ("text", "image"), "num_bootstrap": 200}


def test_a_cell_foresees_smaller_galleries_with_intervals_and_chance():
    encoded, rows, ledgers = class_space(num=10, classes=3, groups=5, noise=2.5)
    report = evaluate_space(encoded, rows, relevance="label", ledgers=ledgers, pools=[4, 50], **OPTIONS)
    cell = report.cell("imu", "depth")
    similarity = (encoded["imu"].vectors @ encoded["depth"].vectors.T).tolist()
    labels = np.array(rows.attribute("label"))
    loops = [pool_by_enumeration(s, (labels == own).tolist(), 4) for s, own in zip(similarity, labels, strict=True)]
    assert list(cell.pools) == [4]
    pool = cell.pools[4]
    assert set(pool.metrics) == set(pool.chance) == set(loops[0]) == {"hit@1", "MRR"}
    for name, estimate in pool.metrics.items():
        assert estimate.value == pytest.approx(np.mean([row[name] for row in loops]), rel=1e-9)
        assert estimate.low < estimate.value < estimate.high
        assert 0 < pool.chance[name] < estimate.value
    assert "no pool of 50: the gallery has 10" in cell.notes
    assert report.facts["pools"] == [4, 50]


def test_graded_ndcg_stands_beside_the_rules_it_joins():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    report = evaluate_space(encoded, rows, relevance=["id", "label", {"id": 2, "label": 1}], ledgers=ledgers, **OPTIONS)
    labels = np.array(rows.attribute("label"))
    gains = (labels[:, None] == labels) + np.eye(40)
    similarity = encoded["imu"].vectors @ encoded["depth"].vectors.T
    expected = [ndcg_of_every_order(s.tolist(), g.tolist()) for s, g in zip(similarity, gains, strict=True)]
    graded, label = (report.cell("imu", "depth", rule) for rule in ("graded", "label"))
    assert graded.metrics["nDCG@10"].value == pytest.approx(np.mean(expected), rel=1e-9)
    assert graded.metrics["nDCG@10"].low < graded.metrics["nDCG@10"].value < graded.metrics["nDCG@10"].high
    assert graded.metrics["hit@1"] == label.metrics["hit@1"]
    assert report.facts["rules"][2]["gains"] == {"id": 2, "label": 1}


def test_a_pool_of_one_is_refused():
    encoded, rows, ledgers = class_space(num=10, classes=2)
    with pytest.raises(MetricError, match=r"size of a pool out of range\n.*\[1\]"):
        evaluate_space(encoded, rows, relevance="id", ledgers=ledgers, pools=[1], **OPTIONS)

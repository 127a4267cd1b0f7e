from dataclasses import replace

import numpy as np
import pytest
from compare_parts import make_report, per_query
from evaluate_parts import encode
from oracles import means_of_resampled_groups
from pydantic import TypeAdapter

from binder.errors import MetricError
from binder.evaluate.compare import Comparison, compare_reports
from binder.metrics import group_weights


@pytest.fixture(scope="module")
def reports():
    return make_report(2.4), make_report(1.8, seed=1)


@pytest.fixture(scope="module")
def comparison(reports):
    return compare_reports([reports[0]], [reports[1]], num_bootstrap=150)


def cell(comparison, name):
    return next(one for one in comparison.cells if f"{one.query} -> {one.gallery}" == name)


def test_differences_are_those_of_the_reports(reports, comparison):
    a, b = reports
    own = cell(comparison, "imu -> depth")
    for metric, difference in own.differences.items():
        if metric in a.cell("imu", "depth").metrics:
            assert difference.a == pytest.approx(a.cell("imu", "depth").metrics[metric].value)
            assert difference.b == pytest.approx(b.cell("imu", "depth").metrics[metric].value)
            assert difference.gap.value == pytest.approx(difference.b - difference.a)
    assert {"mAP", "MRR", "hit@1", "recall@10"} <= set(own.differences)
    assert TypeAdapter(Comparison).validate_json(TypeAdapter(Comparison).dump_json(comparison)) == comparison


def test_the_interval_resamples_pairs_of_queries_by_group(reports, comparison):
    a, b = (per_query(one, "imu", "depth") for one in reports)
    gaps, groups = [b[key][0] - a[key][0] for key in a], [a[key][1] for key in a]
    names = sorted(set(groups))
    draws = [
        [n for n, times in zip(names, row, strict=True) for _ in range(int(times))]
        for row in group_weights(len(names), 150, 0)
    ]
    expected = means_of_resampled_groups(gaps, groups, draws)
    gap = cell(comparison, "imu -> depth").differences["mAP"].gap
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(expected, (0.025, 0.975))))


def test_what_improved_is_clear_and_what_did_not_change_is_not(comparison):
    assert cell(comparison, "imu -> depth").differences["mAP"].p_holm < 0.05
    assert cell(comparison, "imu -> depth").differences["mAP"].gap.low > 0
    same = cell(comparison, "depth -> image").differences["mAP"]
    assert (same.gap.value, same.p, same.p_holm) == (0, 1, 1)
    names = [f"{one.query} -> {one.gallery}" for one in comparison.cells]
    assert "text -> image" not in names and any("the hub's own" in one for one in comparison.statements)


def test_holm_counts_the_cells(comparison):
    p = sorted(one.differences["mAP"].p for one in comparison.cells)
    smallest = min(comparison.cells, key=lambda one: one.differences["mAP"].p)
    assert smallest.differences["mAP"].p_holm == pytest.approx(min(1, p[0] * len(p)))
    assert len(p) == 10  # 12 pairs, two of which are the hub's own


def test_the_headline_is_the_mean_of_its_cells_with_one_test(reports, comparison):
    headline = next(one for one in comparison.headlines if one.name == "emergent, tower to tower")
    assert set(headline.cells) == {"imu -> depth", "depth -> imu"}
    gaps = [cell(comparison, name).differences["mAP"].gap.value for name in headline.cells]
    assert headline.differences["mAP"].gap.value == pytest.approx(np.mean(gaps))
    assert headline.differences["mAP"].p_holm is None and headline.differences["mAP"].p < 0.05
    reported = next(one for one in reports[0].headlines if one.name == headline.name)
    assert headline.differences["mAP"].a == pytest.approx(reported.metrics["mAP"].value)
    assert {one.name for one in comparison.headlines} == {"emergent", "emergent, tower to tower", "trained"}


def test_won_and_lost_queries_are_counted_and_the_most_changed_come_first(reports, comparison):
    a, b = (per_query(one, "imu", "depth", "best_rank") for one in reports)
    own = cell(comparison, "imu -> depth")
    assert own.num_won == sum(b[key][0] < a[key][0] for key in a) > 0
    assert own.num_lost == sum(b[key][0] > a[key][0] for key in a) > 0
    gains = [1 / one.rank_b - 1 / one.rank_a for one in own.won]
    assert gains == sorted(gains, reverse=True) and min(gains) > 0
    assert all(one.rank_b > one.rank_a for one in own.lost)
    best = own.won[0]
    assert (best.rank_a, best.rank_b, best.group) == (a[best.content][0], b[best.content][0], a[best.content][1])


def test_seeds_are_averaged_and_widen_the_interval(reports):
    a = [make_report(2.4, seed=seed) for seed in (0, 2, 3)]
    b = [make_report(1.8, seed=seed) for seed in (1, 2)]
    several = compare_reports(a, b, num_bootstrap=200)
    own = cell(several, "imu -> depth")
    values = [one.cell("imu", "depth").metrics["mAP"].value for one in a]
    assert own.differences["mAP"].a == pytest.approx(np.mean(values))
    assert several.num_seeds == (3, 2) and any("over seeds and groups" in one for one in several.statements)
    with pytest.raises(MetricError, match="stands twice"):
        compare_reports([a[0], a[0]], [b[0]])
    with pytest.raises(MetricError, match="nothing to compare"):
        compare_reports([], [b[0]])


def test_cells_of_other_galleries_are_left_out_and_queries_of_one_side_are_not_paired(reports):
    fewer = make_report(1.8, seed=1, drop=10)
    got = compare_reports([reports[0]], [fewer], num_bootstrap=100)
    names = {f"{one.query} -> {one.gallery}" for one in got.cells}
    assert "depth -> imu" in names and "imu -> depth" not in names
    assert any(
        "imu -> depth under 'label' left out: size of the gallery differ: 72 and 62" in one for one in got.statements
    )
    assert cell(got, "depth -> imu").num_queries == 62
    assert "depth -> imu: 10 queries are not in all reports" in got.statements


def test_other_tables_are_refused_and_other_hubs_and_prompts_told(reports):
    a, b = reports
    with pytest.raises(MetricError, match="different tables"):
        compare_reports([a], [replace(b, facts={**b.facts, "table_fingerprint": "table-2"})])
    other = replace(b, facts={**b.facts, "hub_fingerprint": "hub-2", "prompts": {"hash": "x"}})
    said = compare_reports([a], [other], num_bootstrap=100)
    assert any("different hubs" in one for one in said.statements) and any("prompt" in one for one in said.statements)
    assert len(said.cells) == 12
    unknown = [replace(one, facts={k: v for k, v in one.facts.items() if k != "table_fingerprint"}) for one in reports]
    assert any(
        "do not say which table" in one
        for one in compare_reports(unknown[:1], unknown[1:], num_bootstrap=100).statements
    )


def test_other_rules_leave_no_cell_in_common(reports):
    by_id = make_report(2.4, relevance="id")
    with pytest.raises(MetricError, match=r"without a cell in common[\s\S]*only 1 of 2 reports have it"):
        compare_reports([reports[0]], [by_id])
    sees = {"imu": ["label"], "depth": ["label"], "text": ["label"], "image": ["id"]}
    mixed = [make_report.__wrapped__(1.8, relevance=one) for one in ({name: ["label"] for name in sees}, sees)]
    got = compare_reports(mixed[:1], mixed[1:], num_bootstrap=100)
    assert any("imu -> image under 'attributes' left out" in one for one in got.statements)
    assert all("image" not in (one.query, one.gallery) for one in got.cells)


def test_one_group_has_no_interval_and_no_p():
    a, b = (make_report(noise, groups=1) for noise in (2.4, 1.8))
    difference = cell(compare_reports([a], [b], num_bootstrap=100), "imu -> depth").differences["mAP"]
    assert (difference.gap.low, difference.p, difference.p_holm) == (None, None, None)


def test_a_tainted_cell_is_compared_but_in_no_headline(reports):
    a, b = reports
    spoilt = replace(a.cell("imu", "depth").certificate, status="tainted")
    cells = tuple(replace(one, certificate=spoilt) if one.name == "imu -> depth" else one for one in b.cells)
    headlines = tuple(replace(one, cells=tuple(c for c in one.cells if c != "imu -> depth")) for one in b.headlines)
    got = compare_reports([a], [replace(b, cells=cells, headlines=headlines)], num_bootstrap=100)
    assert cell(got, "imu -> depth").status_b == "tainted"
    assert next(one for one in got.headlines if one.name == "emergent, tower to tower").cells == ("depth -> imu",)
    assert any("in no headline: imu -> depth" in one for one in got.statements)


def test_the_collapsed_tower_loses_everything(reports):
    flat = make_report(imu=encode("imu", np.ones((72, 32))))
    got = cell(compare_reports([reports[1]], [flat], num_bootstrap=100), "imu -> depth")
    assert got.differences["mAP"].gap.high < 0 and got.num_won < got.num_lost

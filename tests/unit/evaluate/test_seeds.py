import numpy as np
import pytest
from compare_parts import make_report
from pydantic import TypeAdapter

from binder.errors import MetricError
from binder.evaluate.seeds import Seeds, aggregate_seeds


@pytest.fixture(scope="module")
def reports():
    return [make_report(2.4, seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def seeds(reports):
    return aggregate_seeds(reports, num_bootstrap=300)


def cell(seeds, name):
    return next(one for one in seeds.cells if one.name == name)


def test_mean_and_deviation_are_those_over_reports(reports, seeds):
    values = [one.cell("imu", "depth").metrics["mAP"].value for one in reports]
    own = cell(seeds, "imu -> depth").metrics["mAP"]
    assert own.values == pytest.approx(tuple(values))
    assert own.mean == pytest.approx(np.mean(values)) and own.deviation == pytest.approx(np.std(values, ddof=1))
    assert seeds.num_seeds == 4 and seeds.statements == ("rough intervals: only 4 seeds",)
    assert TypeAdapter(Seeds).validate_json(TypeAdapter(Seeds).dump_json(seeds)) == seeds


def test_the_interval_holds_the_spread_of_seeds_and_that_of_groups(reports, seeds):
    own = cell(seeds, "imu -> depth").metrics["mAP"]
    groups_alone = np.mean(
        [one.cell("imu", "depth").metrics["mAP"].high - one.cell("imu", "depth").metrics["mAP"].low for one in reports]
    )
    assert own.low < own.mean < own.high
    assert own.high - own.low > 2 * 1.96 * own.deviation / 2 * 0.8
    assert own.high - own.low > 0.8 * groups_alone / 2
    unchanged = cell(seeds, "depth -> image").metrics["mAP"]
    assert unchanged.deviation == 0
    alone = reports[0].cell("depth", "image").metrics["mAP"]
    assert unchanged.high - unchanged.low == pytest.approx(alone.high - alone.low, rel=0.3)


def test_headlines_are_aggregated_too(reports, seeds):
    own = next(one for one in seeds.headlines if one.name == "emergent")
    values = [next(h for h in one.headlines if h.name == "emergent").metrics["mAP"].value for one in reports]
    assert own.metrics["mAP"].mean == pytest.approx(np.mean(values))
    assert len(own.cells) == 6 and own.metrics["mAP"].low < own.metrics["mAP"].mean


def test_what_are_no_seeds_of_one_experiment_is_refused(reports):
    for others, message in (
        ([], "two or more"),
        ([reports[0]], "stands twice"),
        ([make_report(2.4, seed=1, table="table-2")], "different tables"),
        ([make_report(2.4, relevance="id")], "different relevance rules"),
    ):
        with pytest.raises(MetricError, match=message):
            aggregate_seeds([reports[0], *others], num_bootstrap=50)

"""Floor and ceiling of a small run: built once, found again, compared query by query."""

from pathlib import Path

import numpy as np
import pytest

from binder.config import RunConfig
from binder.errors import ConfigError
from binder.run.evaluation import evaluate_run
from binder.run.references import closed_form_floor, paired_ceiling
from binder.run.training import train
from tests.small_run import small_run

pytestmark = pytest.mark.slow  # three trainings


@pytest.fixture(scope="module")
def finished(scenes: Path, tmp_path_factory: pytest.TempPathFactory):
    run = tmp_path_factory.mktemp("references") / "run"
    train(RunConfig.model_validate(small_run(scenes, run)))
    return run, evaluate_run(run)


def test_the_floor_is_a_run_in_closed_form_on_the_same_pairs(finished) -> None:
    run, report = finished
    found = closed_form_floor(run, report)
    cells = {(one.query, one.gallery) for one in found}
    assert {("audio", "depth"), ("depth", "audio"), ("image", "audio"), ("text", "depth")} <= cells
    for one in found:
        cell = report.cell(one.query, one.gallery, one.rule)
        for metric in ("hit@1", "mAP"):
            floor, difference = one.metrics[metric].value, one.difference[metric].value
            assert floor + difference == pytest.approx(cell.metrics[metric].value)
            if floor > cell.chance[metric]:
                above = (cell.metrics[metric].value - cell.chance[metric]) / (floor - cell.chance[metric])
                assert one.ratio[metric].value == pytest.approx(above)
            else:
                assert metric not in one.ratio
    before = (run / "references" / "floor" / "space" / "manifest.json").stat().st_mtime_ns
    assert closed_form_floor(run, report) == found
    assert (run / "references" / "floor" / "space" / "manifest.json").stat().st_mtime_ns == before


def test_the_ceiling_trains_the_pair_itself(finished) -> None:
    run, report = finished
    found = {(one.query, one.gallery): one for one in paired_ceiling(run, "audio", "depth", report)}
    assert set(found) == {("audio", "depth"), ("depth", "audio")}
    again = evaluate_run(run / "references" / "ceiling_audio_depth")
    certificate = again.cell("audio", "depth").certificate
    assert (certificate.pair, certificate.reasons) == ("trained", ())
    metrics = found["audio", "depth"].metrics
    assert metrics["mAP"].value == pytest.approx(again.cell("audio", "depth").metrics["mAP"].value)
    assert metrics["mAP"].low is not None and metrics["mAP"].low <= metrics["mAP"].value
    assert np.isfinite([one.difference["hit@1"].value for one in found.values()]).all()


def test_a_ceiling_of_what_is_no_tower_is_refused(finished) -> None:
    run, report = finished
    for pair in (("audio", "image"), ("audio", "audio"), ("radar", "depth")):
        with pytest.raises(ConfigError, match="two towers"):
            paired_ceiling(run, *pair, report)

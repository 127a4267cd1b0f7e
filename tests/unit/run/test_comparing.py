"""`binder compare`: reports on disk in, tables and JSON out."""

import json

import pytest
from compare_parts import make_report
from typer.testing import CliRunner

from binder.cli import app
from binder.errors import ArtifactError
from binder.run.comparing import compare


@pytest.fixture
def folders(tmp_path):
    for name, noise, seed in (("a0", 2.4, 0), ("a1", 2.4, 2), ("b", 1.8, 1)):
        make_report(noise, seed=seed).save(tmp_path / name / ("report" if name == "b" else ""))
    return tmp_path


def test_two_sides_are_printed_and_stored(folders):
    args = ["compare", f"{folders / 'a0'},{folders / 'a1'}", str(folders / "b"), "--bootstrap", "100"]
    done = CliRunner().invoke(app, [*args, "--output", str(folders / "c.json")], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    stored = json.loads((folders / "c.json").read_text())
    cell = next(one for one in stored["cells"] if (one["query"], one["gallery"]) == ("imu", "depth"))
    difference = cell["differences"]["mAP"]
    assert f"{difference['a']:.3f}" in done.output and f"{difference['gap']['value']:+.3f}" in done.output
    assert f"imu -> depth won: {cell['won'][0]['id']}" in done.output
    assert "sign-flip" in done.output and "mean of emergent" in done.output
    assert stored["num_seeds"] == [2, 1]


def test_one_side_is_aggregated(folders):
    args = ["compare", f"{folders / 'a0'},{folders / 'a1'}", "--bootstrap", "100", "--metric", "hit@1"]
    done = CliRunner().invoke(app, args, env={"COLUMNS": "140"})
    assert done.exit_code == 0 and "hit@1, 2 seeds" in done.output and "rough intervals: only 2 seeds" in done.output


def test_a_folder_without_a_report_is_named(folders):
    with pytest.raises(ArtifactError, match=r"no report here[\s\S]*binder eval"):
        compare([folders / "a0"], [folders])

"""`learning_curve` carries out what is missing, part by part; training and evaluation are played here."""

import json
from functools import partial
from pathlib import Path

import pytest
from compare_parts import make_report
from datasets import Dataset

from binder.cli import app
from binder.config import RunConfig, parse_config
from binder.data import PairTable
from binder.data.splits import nested_part
from binder.errors import ConfigError, TrainingError
from binder.run import curves
from binder.run.curves import learning_curve, needed_in_words

FRACTIONS = (0.25, 0.5, 0.75, 1.0)


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    columns = {"text": [f"t{i}" for i in range(100)], "group": [f"g{i // 2}" for i in range(100)]}
    Dataset.from_dict({**columns, "split": ["train"] * 80 + ["test"] * 20}).to_csv(tmp_path / "table.csv")
    return parse_config(
        {
            "name": "n", "output": str(tmp_path / "out"), "hub": {"name": "pixel"}, "evaluate": {"bootstrap": 100},
            "data": {"table": str(tmp_path / "table.csv")}, "towers": {"imu": {"hub_modality": "text"}},
        }
    )  # fmt: skip


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Fractions in the order of their training; the more rows, the less noise."""
    done: list[float] = []

    def train(part: RunConfig, *, resume: bool, console: object) -> None:
        assert resume == (part.output / "train").exists()
        done.append(part.data.train_fraction)
        part.save(part.output / "config.yaml")
        (part.output / "train").mkdir(parents=True, exist_ok=True)
        if len(done) == 3:
            raise KeyboardInterrupt

    def evaluate(folder: Path, *, console: object):
        share = float(folder.name.removeprefix("fraction_"))
        report = make_report(2.4 - share, seed=int(8 * share))
        report.save(folder / "report")
        return report

    monkeypatch.setattr(curves, "train", train)
    monkeypatch.setattr(curves, "evaluate_run", evaluate)
    return done


@pytest.mark.slow
def test_finished_parts_are_kept_and_a_stopped_one_goes_on(config: RunConfig, trained: list[float]) -> None:
    with pytest.raises(KeyboardInterrupt):
        learning_curve(config, FRACTIONS)
    found = learning_curve(config, FRACTIONS, goal=0.99)
    assert trained == [0.25, 0.5, 0.75, 0.75, 1.0]
    assert found.curve.sizes == (20, 40, 60, 80) and found.headline == "emergent, tower to tower"
    assert [one.num_pairs for one in found.forecasts] == [160, 320]
    for share, score in zip(FRACTIONS, found.scores, strict=True):
        report = make_report(2.4 - share, seed=int(8 * share))
        own = next(one for one in report.headlines if one.name == found.headline).metrics["mAP"]
        assert score.value == pytest.approx(own.value)
    assert json.loads((config.output / "curve.json").read_text())["metric"] == "mAP"
    assert learning_curve(config, FRACTIONS, goal=0.99) == found and len(trained) == 5
    with pytest.raises(TrainingError, match="finished part has other settings"):
        learning_curve(config.model_copy(update={"seed": 7}), FRACTIONS)


def test_the_command_prints_points_forecasts_and_the_answer(config: RunConfig, trained: list[float]) -> None:
    from typer.testing import CliRunner

    config.save(config.output.parent / "run.yaml")
    run = partial(CliRunner().invoke, app, env={"COLUMNS": "120"})
    args = ["curve", str(config.output.parent / "run.yaml"), "--fractions", ".25,.5,.75,1", "--goal", ".995"]
    trained.extend([0.0] * 3)  # nothing stops it
    done = run(args)
    assert done.exit_code == 0, done.output
    for text in ("measured", "foreseen", "320", "ceiling", "0.995", "curve.json", "one training per size"):
        assert text in done.output
    assert isinstance(run(["curve", args[1], "--fractions", "a,b"]).exception, ConfigError)


def test_too_few_fractions_are_refused_before_training(config: RunConfig, trained: list[float]) -> None:
    for bad in ((0.5, 1.0), (0.0, 0.2, 0.5, 1.0), (0.1, 0.2, 0.5, 2.0)):
        with pytest.raises(ConfigError, match="no curve from these"):
            learning_curve(config, bad)
    assert trained == []


def test_the_answer_says_when_it_is_out_of_reach_and_when_it_is_far() -> None:
    far = curves.PairsNeeded(score=0.6, num_pairs=9000, low=7000, high=None, reached=0.9, far=True)
    assert needed_in_words(far) == "0.6 needs 9,000 pairs [7,000 ?]; far beyond the data: the law alone says so"
    never = curves.PairsNeeded(score=0.9, num_pairs=None, low=None, high=None, reached=0.01, far=True)
    assert needed_in_words(never) == "0.9 is not reachable on this curve (1% of the draws get there)"


def test_parts_are_nested_whole_groups_in_an_order_of_the_seed() -> None:
    table = PairTable.from_dataset(
        Dataset.from_dict({"text": [str(i) for i in range(60)], "group": [f"g{i % 17}" for i in range(60)]})
    )
    parts = [nested_part(table, share, seed=1) for share in (0.01, 0.3, 0.6, 1.0)]
    ids = [set(part.ids) for part in parts]
    assert ids[0] < ids[1] < ids[2] < ids[3] == set(table.ids)
    for part in parts:
        left = {group for row, group in zip(table.ids, table.groups, strict=True) if row not in part.ids}
        assert left.isdisjoint(part.groups)
    assert [len(one) / 60 for one in ids[1:3]] == pytest.approx([0.3, 0.6], abs=4 / 60)
    assert len(set(parts[0].groups)) == 1
    assert set(nested_part(table, 0.3, seed=2).ids) != ids[1]
    backwards = table.select(list(range(60))[::-1])
    assert set(nested_part(backwards, 0.3, seed=1).ids) == ids[1]

"""Zero-shot, probe and combined queries of a trained run, through their commands, agree with what it encodes."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_run import small_run
from typer.testing import CliRunner

import binder
from binder.cli import app
from binder.config import parse_config
from binder.data import PairTable
from binder.errors import ConfigError
from binder.run.protocol_tables import read_names, read_parts
from binder.run.protocols import Setting


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two towers by ridge regression: quick, and better than chance."""
    folder = tmp_path_factory.mktemp("run") / "run"
    content = small_run(scenes, folder, evaluate={"bootstrap": 100})
    for tower in content["towers"].values():
        tower["encoder"] = {"name": "closed_form", "method": "ridge"}
    binder.train(parse_config(content))
    return folder


def call(*args: object, output: Path) -> tuple[str, dict]:
    done = CliRunner().invoke(app, [*map(str, args), "--output", str(output)], env={"COLUMNS": "140"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output, json.loads(output.read_text())


def test_classes_are_told_by_the_names_of_their_objects(run: Path, tmp_path: Path) -> None:
    text, found = call("classify", run, "audio", "--label", "object", output=tmp_path / "z.json")
    space, rows = binder.Space.load(run), Setting.open(run).table()
    classes = sorted(set(rows.attribute("object")))
    assert [one["name"] for one in found["classes"]] == classes
    vectors = space.encode(audio=[rows.cell(i, "audio") for i in range(len(rows))])["audio"]
    scores = vectors @ space.encode(text=classes)["text"].T
    right = np.mean([classes[k] == own for k, own in zip(scores.argmax(axis=1), rows.attribute("object"), strict=True)])
    assert found["metrics"]["top-1"]["value"] == pytest.approx(right)
    assert found["certificate"]["status"] == "emergent" and f"{right:.3f}" in text
    (tmp_path / "names.yaml").write_text("\n".join(f"{name}: [{name}, a {name}]" for name in classes))
    args = ("classify", run, "audio", "--label", "object", "--names", tmp_path / "names.yaml", "--templates")
    (tmp_path / "prompts.yaml").write_text('templates: ["a photo of {}", "the {}"]\n')
    _, prompted = call(*args, tmp_path / "prompts.yaml", output=tmp_path / "p.json")
    assert prompted["prompts"]["templates"] == ["a photo of {}", "the {}"]
    assert prompted["classes"][0]["names"] == [classes[0], f"a {classes[0]}"]


def test_the_probe_has_its_line_and_its_control(run: Path, tmp_path: Path) -> None:
    args = ("probe", run, "depth", "--label", "object", "--shots", "1,4", "--draws", "2")
    text, found = call(*args, output=tmp_path / "l.json")
    assert [one["shots"] for one in found["tower"]] == [1, 4] and len(found["untrained"]) == 2
    assert "zero-shot" in text and found["zero_shot"]["value"] >= 0
    assert found["tower"][1]["over_untrained"]["low"] is not None


def test_a_sum_is_asked_and_its_weights_are_chosen_on_the_hub(run: Path, tmp_path: Path) -> None:
    args = ("combine", run, "audio+depth", "image", "--choose-on", "image", "--centre")
    text, found = call(*args, output=tmp_path / "c.json")
    assert found["certificates"]["audio"]["status"] == "trained" and found["num_queries"] == 64
    assert "validation queries to image" in found["chosen_on"] and sum(found["weights"].values()) == pytest.approx(1)
    assert "the sum gains" in text
    _, given = call("combine", run, "audio=3+depth=1", "image", output=tmp_path / "g.json")
    assert given["weights"] == {"audio": 0.75, "depth": 0.25} and given["chosen_on"] == "given"


def test_a_space_needs_a_table_and_gets_one(run: Path, scenes: Path) -> None:
    with pytest.raises(ConfigError, match="which table"):
        Setting.open(run / "space")
    setting = Setting.open(run / "space", str(scenes), split="validation")
    assert len(setting.table()) == 48 and isinstance(setting.table(), PairTable)


def test_bad_names_and_weights_are_refused(tmp_path: Path) -> None:
    assert read_parts("audio + text") == (["audio", "text"], None) and read_names(None) is None
    for bad in ("audio=3+text", "audio=x+text=1"):
        with pytest.raises(ConfigError, match="not weights"):
            read_parts(bad)
    (tmp_path / "names.yaml").write_text("cat: dog")
    for path in (tmp_path / "names.yaml", tmp_path / "absent.yaml"):
        with pytest.raises(ConfigError, match="no names of classes"):
            read_names(path)

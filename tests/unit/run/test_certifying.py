"""`binder certify`: a run's own test rows are clean, its training rows are not, and the file says the same."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_run import small_run
from typer.testing import CliRunner
from untrained_space import small_world

import binder
from binder.cli import app
from binder.config import parse_config
from binder.towers import Ledger


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run with two towers solved in closed form, and its table."""
    folder = tmp_path_factory.mktemp("certifying")
    table = small_world(folder)
    content = small_run(table, folder / "run", towers=("audio", "depth"))
    for tower in content["towers"].values():
        tower["encoder"] = {"name": "closed_form", "method": "ridge"}
    binder.train(parse_config(content))
    return folder / "run", table


def certify(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["certify", *map(str, arguments)], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def statuses(path: Path) -> dict[tuple[str, str], str]:
    verdicts = json.loads(path.read_text())["verdicts"]
    return {(one["query"], one["gallery"]): one["status"] for one in verdicts}


def test_rows_that_were_held_out_are_clean(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, table = world
    file = tmp_path / "certificate.json"
    code, said = certify(run, table, "--split", "test", "--prototypes", "--hub-vectors", "--json", file)
    assert code == 0, said
    assert "audio - image" in said and "tower audio" in said
    found = statuses(file)
    assert found["audio", "depth"] == found["depth", "text"] == "emergent"
    assert (found["audio", "image"], found["image", "text"]) == ("trained", "hub-native")
    assert "not compared" not in said
    assert certify("--verify", file)[0] == 0
    options = ("--split", "test", "--prototypes", "--hub-vectors", "--verify", file)
    assert certify(run, table, *options)[0] == 0
    code, said = certify(run, table, "--split", "validation", "--verify", file)
    assert code == 1 and "`tested` is another" in said


def test_rows_that_were_trained_on_are_not(world: tuple[Path, Path], tmp_path: Path) -> None:
    run, table = world
    file = tmp_path / "certificate.json"
    code, said = certify(run, table, "--split", "train", "--json", file)
    assert code == 1
    assert statuses(file)["audio", "depth"] == "tainted"
    assert "because 40 of 40 audio items were trained on by audio" in said
    record = json.loads(file.read_text())
    record["verdicts"][0]["status"] = "emergent"
    file.write_text(json.dumps(record))
    code, said = certify("--verify", file)
    assert code == 1 and "the digest is not that of the content" in said


def test_the_ledger_holds_likenesses_and_an_older_one_without_is_read(world: tuple[Path, Path], tmp_path: Path) -> None:
    ledger = binder.Space.load(world[0]).towers["audio"].ledger
    assert ledger.likenesses is not None and ledger.vectors is not None
    for modality, likeness, vector in zip(ledger.items["modality"], ledger.likenesses, ledger.vectors, strict=True):
        assert likeness is not None and likeness.startswith("sound:" if modality == "audio" else "picture:")
        assert (vector is None) == (modality == "audio")
    ledger.save(tmp_path)
    assert Ledger.load(tmp_path) == ledger
    old = replace(ledger, likenesses=None, vectors=None)
    old.save(tmp_path)
    facts = json.loads((tmp_path / "ledger.json").read_text())
    known_then = {key: value for key, value in facts.items() if key not in ("origin", "sources")}
    (tmp_path / "ledger.json").write_text(json.dumps(known_then))
    assert Ledger.load(tmp_path) == old
    (tmp_path / "tower.json").write_text(json.dumps({"origin": {"encoder": "timm:x"}}))
    assert Ledger.load(tmp_path) == replace(old, origin={"encoder": "timm:x"})


def test_what_is_missing_is_said() -> None:
    assert certify()[0] == 2

"""Killed runs lose nothing that was saved; broken data is named; a second run does not overwrite the first."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from crashes import Dead, dies_at
from safetensors.torch import load_file
from small_run import small_run

from binder.cli import main
from binder.config import parse_config
from binder.run import train
from binder.space import Space
from binder.train.journal import read_journal

run_training = import_module("binder.run.training")  # `binder.run.train` is its function


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `binder WORDS...` in this process."""

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["binder", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


def _write(folder: Path, content: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def _steps(output: Path) -> int:
    journal = output / "train" / "audio" / "journal.jsonl"
    return journal.read_text().count('"step", "step"') if journal.exists() else 0


@pytest.mark.slow
def test_kill_9_in_training_then_resume_equals_an_uninterrupted_run(
    scenes: Path, tmp_path: Path, command: Command
) -> None:
    settings = {"epochs": 6, "batch_size": 16, "save_every": 2}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = _write(tmp_path / "a", small_run(scenes, whole, towers=("audio",), train=settings))
    assert command("train", config).returncode == 0
    config = _write(tmp_path / "b", small_run(scenes, parts, towers=("audio",), train=settings))
    launch = [sys.executable, "-m", "binder", "train", str(config)]
    process = subprocess.Popen(launch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while _steps(parts) < 15 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert 15 <= _steps(parts) < 72
    done = command("train", config, "--resume")
    assert done.returncode == 0, done.stderr
    a, b = (load_file(folder / "space" / "towers" / "audio" / "tower.safetensors") for folder in (whole, parts))
    assert a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)
    losses = [[e["loss"] for e in read_journal(f / "train" / "audio") if e["event"] == "step"] for f in (whole, parts)]
    assert losses[0] == losses[1] and len(losses[0]) == 72


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ["tower", "space"])
def test_a_crash_while_the_result_is_written_then_resume_gives_the_same_result(
    artifact: str, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first moment, in the middle and at the last one of the write."""
    settings = {"epochs": 1}
    whole = train(parse_config(small_run(scenes, tmp_path / "whole", towers=("audio",), train=settings)))
    expected = whole.towers["audio"].tower.state_dict()
    owner, name = {"tower": (run_training, "save_tower"), "space": (Space, "save")}[artifact]
    write = getattr(owner, name)
    for moment in (0, 4, 12):
        config = parse_config(small_run(scenes, tmp_path / str(moment), towers=("audio",), train=settings))

        def dying(*args: Any, moment: int = moment) -> None:
            assert dies_at(moment, lambda: write(*args), monkeypatch), "the write has fewer moments"
            raise Dead

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, dying)
            with pytest.raises(Dead):
                train(config)
        resumed = train(config, resume=True).towers["audio"].tower.state_dict()
        assert all((resumed[key] == value).all() for key, value in expected.items())
        saved = Space.load(config.output / "space").towers["audio"].tower.state_dict()
        assert all((saved[key] == value).all() for key, value in expected.items())


def _broken_table(scenes: Path, folder: Path) -> Path:
    """The playground's table with absolute paths, and five rows that hold every kind of bad sound."""
    rows = pq.read_table(scenes).to_pylist()
    for row in rows:
        for name in ("image", "depth", "thermal", "audio", "imu"):
            row[name] = str(scenes.parent / row[name])
    train = [row for row in rows if row["split"] == "train"]
    folder.mkdir()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "garbage.wav").write_bytes(b"this is not a sound" * 50)
    train[0]["audio"] = str(folder / "absent.wav")
    train[1]["audio"] = str(folder / "empty.wav")
    train[2]["audio"] = str(folder / "garbage.wav")
    train[3]["audio"] = str(folder)
    train[4]["audio"] = train[5]["image"]
    pq.write_table(pa.Table.from_pylist(rows), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def test_broken_samples_stop_the_run_or_are_listed_as_the_config_says(
    scenes: Path, tmp_path: Path, command: Command
) -> None:
    table = _broken_table(scenes, tmp_path / "broken")
    content = small_run(scenes, tmp_path / "raise", towers=("audio",), data={"table": str(table)})
    failed = command("train", _write(tmp_path / "a", content))
    assert failed.returncode == 1
    assert "error: row " in failed.stderr and "modality 'audio'" in failed.stderr and "Traceback" not in failed.stderr
    content = small_run(
        scenes,
        tmp_path / "skip",
        towers=("audio",),
        data={"table": str(table), "on_error": "skip"},
        train={"epochs": 1},
    )
    skipped = command("train", _write(tmp_path / "b", content))
    assert skipped.returncode == 0, skipped.stderr
    assert "left out 5 samples" in skipped.stdout
    assert len(json.loads((tmp_path / "skip" / "skips.json").read_text())) == 5


def test_a_run_is_not_written_over_another(scenes: Path, tmp_path: Path, command: Command) -> None:
    config = _write(tmp_path, small_run(scenes, tmp_path / "out", towers=("audio",), train={"epochs": 1}))
    assert command("train", config).returncode == 0
    again = command("train", config)
    assert again.returncode == 1 and "already holds a run" in again.stderr
    changed = command("train", config, "train.lr=0.5", "--resume")
    assert changed.returncode == 1 and "begun with other settings" in changed.stderr
    assert "got:      {'towers.audio.train.lr': 0.5}" in changed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "absent.yaml"], "no such configuration"),
        (["eval", "absent"], "no such configuration"),
        (["check", "radar"], "unknown modality"),
        (["check", "nohub:x"], "cannot import"),
        (["merge", "out", "absent"], "no complete space here"),
    ],
)
def test_the_command_line_explains_mistakes_without_a_traceback(
    words: list[str], message: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(*words)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr

"""docs/interop.md is true: its commands and its code run, in order, on a small world."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import mteb
import pytest
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from typer.testing import CliRunner
from untrained_space import small_world, synthetic, untrained_space

from binder.cli import app

BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)


class Task(AbsTaskRetrieval):
    """Stands for a task that would be downloaded."""

    metadata = TaskMetadata(
        name="Local",
        description="Two texts",
        dataset={"path": "local", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
    )

    def load_data(self, *args: Any, **kwargs: Any) -> None:
        rows = Dataset.from_dict({"id": ["a", "b"], "text": ["a red ball", "rain"]})
        part = {"queries": rows, "corpus": rows, "relevant_docs": {"a": {"a": 1}, "b": {"b": 1}}, "top_ranked": None}
        self.dataset, self.data_loaded = {"default": {"test": part}}, True  # pyright: ignore


class _Api:
    """Stands for the model hub."""

    def __init__(self, **options: Any) -> None:
        del options

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> str:
        assert private and exist_ok
        return f"https://hub.test/{name}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, **options: Any) -> None:
        del options
        shutil.copytree(folder_path, Path("remote") / repo_id)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the page speaks of: a run, its scenes, and a sound."""
    import soundfile

    small_world(tmp_path)
    untrained_space("audio").save(tmp_path / "runs" / "demo" / "space")
    soundfile.write(tmp_path / "dog.wav", synthetic("audio", 1)[0], 16_000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "HfApi", _Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: f"remote/{name}")
    monkeypatch.setattr(mteb, "get_tasks", lambda tasks: [Task()])
    yield tmp_path


def _command(line: str) -> None:
    program, *arguments = shlex.split(line)
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert program == "binder" and done.exit_code == 0, f"{line}: {done.output}"


def test_the_page_runs(home: Path, root: Path) -> None:
    page = (root / "docs" / "interop.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert [kind for kind, _ in blocks] == ["bash", "python", "bash", "python", "python", "python", "bash", "python"]
    names: dict[str, Any] = {}
    for kind, block in blocks:
        if kind == "bash":
            for line in block.splitlines():
                _command(line)
        else:
            exec(block, names)
    assert names["vectors"].shape == (1, 128) and len(names["table"]) == 48
    assert names["results"].task_results[0].scores["test"][0]["main_score"] == 1.0
    assert (home / "remote" / "me" / "space" / "README.md").read_text().startswith("---\n")
    assert set(names["space"].modalities) == {"image", "text"}

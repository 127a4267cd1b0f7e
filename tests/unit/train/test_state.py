"""What was checkpointed is never lost: a crash at any moment of a write leaves the old state or the new one."""

import itertools
from pathlib import Path

import pytest
import torch
from crashes import dies_at
from torch import nn

from binder.errors import ArtifactError, TrainingError
from binder.storage import new_artifact, read_manifest
from binder.train.state import Progress, collect_tensors, find_state, load_state, save_state


def _model(seed: int) -> tuple[nn.Module, torch.optim.AdamW]:
    """A layer after one update, with the moments of it."""
    torch.manual_seed(seed)
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return layer, optimizer


def _save(folder: Path, step: int, **progress: int) -> None:
    layer, optimizer = _model(step)
    tensors = collect_tensors({"tower": layer.state_dict()}, optimizer, keep=True)
    save_state(folder, Progress(step=step, **progress), tensors, {"run": "f"})


def _step_of_whole_state(folder: Path) -> int:
    """The step of the state that a run would go on from, after checking every tensor of it."""
    path = find_state(folder)
    assert path is not None
    _, optimizer = _model(99)
    progress, modules, _ = load_state(path, optimizer, {"run": "f"})
    expected, moments = _model(progress.step)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(modules["tower"][name], tensor)
    for number, values in moments.state_dict()["state"].items():
        for name, value in values.items():
            assert torch.equal(optimizer.state_dict()["state"][number][name], value)
    return progress.step


def test_a_crash_at_any_moment_of_a_write_leaves_a_whole_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    for moment in itertools.count():
        folder = tmp_path / str(moment)
        _save(folder, 1)
        died = dies_at(moment, lambda folder=folder: _save(folder, 2), monkeypatch)
        steps.append(_step_of_whole_state(folder))
        _save(folder, 2)  # what a run that goes on would do
        assert _step_of_whole_state(folder) == 2
        assert [path.name for path in folder.iterdir()] == ["step-000000002-epoch-00000-batch-0000000"]
        if not died:
            break
    assert len(steps) > 10, "the write has that many moments"
    assert steps == sorted(steps) and set(steps) == {1, 2}  # the old one until the new one is whole


def test_a_crash_while_an_artifact_is_replaced_leaves_one_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a space is, when a run that goes on saves it again."""

    def write(path: Path, text: str) -> None:
        with new_artifact(path, "space") as partial:
            (partial / "text").write_text(text)

    for moment in itertools.count():
        path = tmp_path / str(moment) / "space"
        write(path, "old")
        died = dies_at(moment, lambda path=path: write(path, "new"), monkeypatch)
        read_manifest(path, "space", verify=True)
        assert (path / "text").read_text() in ("old", "new")
        write(path, "newer")
        assert (path / "text").read_text() == "newer"
        if not died:
            break
    assert moment > 8


def test_states_of_one_step_are_told_apart_by_epoch_and_batch(tmp_path: Path) -> None:
    _save(tmp_path, 5, epoch=0, batch=5)
    kept = tmp_path / "kept"
    (tmp_path / "step-000000005-epoch-00000-batch-0000005").rename(kept)
    _save(tmp_path / "other", 5, epoch=1, batch=0)  # the end of that epoch: no further update
    kept.rename(tmp_path / "other" / "step-000000005-epoch-00000-batch-0000005")
    found = find_state(tmp_path / "other")
    assert found is not None and found.name.endswith("epoch-00001-batch-0000000")


def test_a_damaged_state_and_one_of_another_run_are_refused(tmp_path: Path) -> None:
    _save(tmp_path, 1)
    path = find_state(tmp_path)
    assert path is not None
    _, optimizer = _model(1)
    with pytest.raises(TrainingError, match="another run"):
        load_state(path, optimizer, {"run": "g"})
    content = (path / "state.safetensors").read_bytes()
    (path / "state.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match="missing or changed"):
        load_state(path, optimizer, {"run": "f"})

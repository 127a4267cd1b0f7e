"""Checkpoint files of every age are read, and what is none says what it is."""

from pathlib import Path

import pytest
import torch

from binder.errors import ArtifactError
from binder.importers.languagebind import import_languagebind
from binder.importers.state import read_state


@pytest.mark.parametrize("zipped", [True, False], ids=["since torch 1.6", "before"])
def test_pickles_of_tensors_are_read(zipped: bool, tmp_path: Path) -> None:
    weights = {"module.a": torch.arange(6.0).reshape(2, 3)}
    torch.save({"state_dict": weights}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    assert torch.equal(read_state(tmp_path / "a.pth").take("a"), weights["module.a"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"junk" * 50, r"cannot read the checkpoint[\s\S]*download it again"),
        ("a.pth", b"", r"cannot read the checkpoint[\s\S]*download it again"),
        ("a.safetensors", b"junk" * 50, r"cannot read the checkpoint[\s\S]*header[\s\S]*download it again"),
        ("a.txt", b"junk", r"not a checkpoint file[\s\S]*a file\)"),
        ("a.pth", None, r"not a checkpoint file[\s\S]*not there"),
    ],
    ids=["junk", "empty", "safetensors of junk", "another kind", "absent"],
)
def test_what_is_no_checkpoint_is_refused(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        read_state(tmp_path / name)


def test_a_pickled_module_is_named_in_plain_letters(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(ArtifactError, match=r"holds torch.nn.modules.linear.Linear, which is no tensor") as caught:
        read_state(tmp_path / "a.pth")
    assert str(caught.value).replace("\n", "").isprintable() and "weights_only" not in str(caught.value)


def test_a_weight_is_missing_under_its_whole_name(tmp_path: Path) -> None:
    torch.save({"a.b.c": torch.ones(2), "d": torch.ones(1)}, tmp_path / "a.pth")
    inner = read_state(tmp_path / "a.pth").under("a.").under("b.")
    with pytest.raises(
        ArtifactError, match=r"a\.pth is not of the layout[\s\S]*no weight a\.b\.x among 1 such as a\.b\.c"
    ):
        inner.take("x")
    with pytest.raises(ArtifactError, match=r"1 other weights, e\.g\. a\.b\.c"):
        inner.done()


def test_a_file_is_no_languagebind(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"junk")
    with pytest.raises(ArtifactError, match="comes as folders"):
        import_languagebind(tmp_path / "a.pth", tmp_path / "out", {})

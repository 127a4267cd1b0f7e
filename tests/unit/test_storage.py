"""Artifacts are complete or absent: crashes, half-copied folders, and other people's files."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from binder import storage
from binder.errors import ArtifactError
from binder.storage import (
    MANIFEST,
    hash_bytes,
    hash_file,
    hash_json,
    is_complete,
    new_artifact,
    read_json,
    read_manifest,
    seal,
    write_json,
)


def write(path: Path, text: str, **facts) -> None:
    with new_artifact(path, "tower", facts) as folder:
        (folder / "weights").mkdir()
        (folder / "weights" / "part.bin").write_text(text)


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_hashes_are_sha256_cut_to_128_bits(tmp_path):
    content = bytes(range(256)) * 5000
    expected = hashlib.sha256(content).hexdigest()[:32]
    (tmp_path / "file").write_bytes(content)
    assert hash_bytes(content) == hash_file(tmp_path / "file") == expected
    assert hash_json({"a": 1, "b": [2, None]}) == hash_json({"b": [2, None], "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": "1"})
    assert hash_json({"a": (1, 2)}) == hash_json({"a": [1, 2]})


def test_a_finished_artifact_opens_with_kind_facts_and_provenance(tmp_path):
    write(tmp_path / "deep" / "tower", "w", dim=8)
    manifest = read_manifest(tmp_path / "deep" / "tower", "tower", verify=True)
    assert manifest["dim"] == 8
    assert manifest["files"] == {"weights/part.bin": {"bytes": 1, "hash": hash_bytes(b"w")}}
    assert {"date", "command", "python", "versions", "commit"} <= manifest["provenance"].keys()
    assert contents(tmp_path / "deep") == ["tower"]  # no scratch folder is left


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_crash_while_writing_leaves_nothing(tmp_path, error):
    with pytest.raises(error), new_artifact(tmp_path / "tower", "tower") as folder:
        (folder / "half").write_text("half")
        raise error
    assert contents(tmp_path) == []
    assert not is_complete(tmp_path / "tower")


def test_a_crash_while_replacing_keeps_the_old_one(tmp_path):
    write(tmp_path / "tower", "old")
    with pytest.raises(RuntimeError), new_artifact(tmp_path / "tower", "tower") as folder:
        (folder / "new").write_text("new")
        raise RuntimeError
    assert contents(tmp_path) == ["tower"]
    read_manifest(tmp_path / "tower", "tower", verify=True)
    assert (tmp_path / "tower" / "weights" / "part.bin").read_text() == "old"


def test_a_crash_while_sealing_leaves_nothing(tmp_path, monkeypatch):
    def no_space(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_json", no_space)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "tower", "w")
    assert contents(tmp_path) == []


def test_only_artifacts_are_replaced(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(ArtifactError, match=r"output is not empty[\s\S]*papers"),
        new_artifact(tmp_path / "papers", "t"),
    ):
        raise AssertionError("nothing may be written")
    assert [path.name for path in tmp_path.rglob("*")] == ["papers", "thesis.tex"]
    (tmp_path / "empty").mkdir()
    with new_artifact(tmp_path / "empty", "thing"):
        pass


def test_replacing_swaps_the_whole_folder(tmp_path):
    write(tmp_path / "tower", "old")
    (tmp_path / "tower" / "stray").write_text("not in the manifest")
    write(tmp_path / "tower", "new")
    assert contents(tmp_path) == ["tower"]
    assert contents(tmp_path / "tower") == [MANIFEST, "weights"]
    assert (tmp_path / "tower" / "weights" / "part.bin").read_text() == "new"


@pytest.mark.parametrize("cut_before", ["path", "new"])
def test_a_kill_between_the_two_renames_loses_nothing(tmp_path, monkeypatch, cut_before):
    """Replacing takes two renames; after a kill at either one, the old artifact stands or is put back."""
    write(tmp_path / "tower", "old")
    rename, calls = Path.replace, []

    def killed(self, target):
        if self.name == MANIFEST or self.name.startswith(f".{MANIFEST}"):
            return rename(self, target)
        calls.append(self)
        if len(calls) == {"path": 1, "new": 2}[cut_before]:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "tower", "new")
    monkeypatch.setattr(Path, "replace", rename)
    assert (tmp_path / "tower").exists() == (cut_before == "path")
    read_manifest(tmp_path / "tower", "tower", verify=True)
    assert (tmp_path / "tower" / "weights" / "part.bin").read_text() == "old"


def damage_missing(folder: Path) -> None:
    (folder / "weights" / "part.bin").unlink()


def damage_size(folder: Path) -> None:
    (folder / "weights" / "part.bin").write_text("longer")


def damage_content(folder: Path) -> None:
    (folder / "weights" / "part.bin").write_text("v")


def damage_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"kind": "tow')


def damage_absence(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def damage_all(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, r"(?s)missing or changed.*part\.bin.*1 bytes"),
        (damage_size, "missing or changed"),
        (damage_content, "missing or changed"),
        (damage_manifest, "not a JSON file"),
        (damage_absence, r"(?s)no complete tower here.*manifest\.json"),
        (damage_all, "no complete tower here"),
    ],
)
def test_a_damaged_artifact_is_refused(tmp_path, damage, message):
    write(tmp_path / "tower", "w")
    damage(tmp_path / "tower")
    with pytest.raises(ArtifactError, match=message):
        read_manifest(tmp_path / "tower", "tower", verify=True)


def test_without_verify_only_sizes_are_compared(tmp_path):
    write(tmp_path / "tower", "w")
    damage_content(tmp_path / "tower")
    read_manifest(tmp_path / "tower", "tower")


def test_another_kind_and_a_newer_schema_are_refused(tmp_path):
    write(tmp_path / "tower", "w")
    with pytest.raises(ArtifactError, match=r"(?s)another kind.*tower at .*expected: space"):
        read_manifest(tmp_path / "tower", "space")
    manifest = json.loads((tmp_path / "tower" / MANIFEST).read_text())
    write_json(tmp_path / "tower" / MANIFEST, {**manifest, "schema": storage.SCHEMA + 1})
    with pytest.raises(ArtifactError, match=r"(?s)newer binder.*schema 2.*pip install -U"):
        read_manifest(tmp_path / "tower", "tower")


def test_seal_lists_every_file_but_the_manifest(tmp_path):
    for name in ("a", "b/c", "b/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    seal(tmp_path, "shard")
    seal(tmp_path, "shard")  # again: the first manifest is not part of the second
    assert list(read_manifest(tmp_path, "shard", verify=True)["files"]) == ["a", "b/c", "b/d/e"]


def test_write_json_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"b": 1, "a": [None, "ü"]})
    assert read_json(path) == {"b": 1, "a": [None, "ü"]}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"b": 1, "a": [None, "ü"]}
    assert contents(tmp_path) == ["facts.json"]


def test_read_json_names_the_file(tmp_path):
    with pytest.raises(ArtifactError, match=r"(?s)file not found.*absent\.json"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ArtifactError, match=r"(?s)not a JSON file.*bad\.json"):
        read_json(tmp_path / "bad.json")


def test_manifest_facts_cannot_be_lost_to_a_missing_folder(tmp_path):
    with new_artifact(tmp_path / "empty", "report") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".empty.partial-")
    assert read_manifest(tmp_path / "empty", "report")["files"] == {}

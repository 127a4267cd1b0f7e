"""Spaces for others: what is uploaded opens elsewhere and gives the same vectors; the card says what the files say."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml
from evaluate_parts import encode, make_ledger, make_rows
from tiny_models import TEXTS, save_family
from typer.testing import CliRunner
from untrained_space import synthetic, untrained_space

from binder.cli import app
from binder.errors import ArtifactError
from binder.evaluate import Report, evaluate_space
from binder.hub import open_hub
from binder.space import Space

SOUNDS = synthetic("imu", 3)


@pytest.fixture(scope="module")
def space() -> Space:
    return untrained_space("imu")


def _report(space: Space) -> Report:
    """Of forty rows of random vectors."""
    rng = np.random.default_rng(0)
    encoded = {
        "imu": encode("imu", rng.normal(size=(40, 8)), centre=np.zeros(8, np.float32)),
        "text": encode("text", rng.normal(size=(40, 8)), native=True),
    }
    report = evaluate_space(
        encoded,
        make_rows(40),
        relevance=["id"],
        ledgers={"imu": make_ledger("imu", hub_fingerprint=space.fingerprint)},
        hub_fingerprint=space.fingerprint,
        hub_native=("text",),
        num_bootstrap=50,
    )
    return replace(report, facts={**report.facts, "towers": {"imu": space.towers["imu"].fingerprint}})


def _front(folder: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_what_is_saved_for_others_opens_and_gives_the_same_vectors(space: Space, tmp_path: Path) -> None:
    space.save_pretrained(tmp_path / "space")
    for loaded in (Space.from_pretrained(tmp_path / "space"), Space(str(tmp_path / "space"))):
        assert loaded.modalities == space.modalities
        assert np.array_equal(loaded.encode(imu=SOUNDS)["imu"], space.encode(imu=SOUNDS)["imu"])


def test_the_card_says_what_the_ledgers_say(space: Space, tmp_path: Path) -> None:
    space.save_pretrained(tmp_path / "space", title="me/it", licence="cc-by-4.0")
    front, body = _front(tmp_path / "space")
    assert front["license"] == "cc-by-4.0" and front["library_name"] == "hub-binder"
    assert {"binder", "imu"} <= set(front["tags"])
    for said in (
        'binder.Space("me/it")',
        space.fingerprint,
        "| imu | default | linear | imu-image | random weights |",
        "| imu | 2 | 1 | 1 | `01234567` |",
        "- hub `playground:clip`: ",
        "- imu, of hub, data and first weights: data: cc-by-4.0",
        "Not evaluated.",
    ):
        assert said in body, said
    space.save_pretrained(tmp_path / "unlicensed")
    assert "license" not in _front(tmp_path / "unlicensed")[0]


def test_the_card_has_every_certificate_of_the_report(space: Space, tmp_path: Path) -> None:
    report = _report(space)
    space.save_pretrained(tmp_path / "space", report=report)
    _, body = _front(tmp_path / "space")
    assert len(report.cells) == 2
    for cell in report.cells:
        (line,) = [line for line in body.splitlines() if line.startswith(f"| {cell.name} ")]
        hit = cell.metrics["hit@1"]
        assert f"| {cell.certificate.status} | {hit.value:.3f} [{hit.low:.3f}, {hit.high:.3f}] |" in line
        assert f"| {cell.chance['hit@1']:.3f} | 40 / 40 |" in line


@pytest.mark.parametrize("facts", [{"hub_fingerprint": "f" * 32}, {"modalities": {"imu": {}, "text": {}, "radar": {}}}])
def test_a_report_of_another_space_gets_no_card(space: Space, tmp_path: Path, facts: dict[str, Any]) -> None:
    report = _report(space)
    other = replace(report, facts={**report.facts, **facts})
    with pytest.raises(ArtifactError, match="the report is of another space"):
        space.save_pretrained(tmp_path / "space", report=other)
    assert not (tmp_path / "space").exists()


@pytest.mark.parametrize("known", [True, False])
def test_a_report_of_other_towers_on_the_same_hub_gets_no_card(space: Space, tmp_path: Path, known: bool) -> None:
    """One weight apart; or of an older binder, whose reports do not know their towers."""
    report, twin = _report(space), untrained_space("imu")
    assert twin.fingerprint == space.fingerprint
    twin.save_pretrained(tmp_path / "equal", report=report)  # weights decide, not objects
    with torch.no_grad():
        twin.towers["imu"].tower.head.bias[0] += 1e-3
    if not known:
        report, twin = replace(report, facts={**report.facts, "towers": {}}), space
    expected = twin.towers["imu"].fingerprint
    got = space.towers["imu"].fingerprint if known else "no fingerprint"
    with pytest.raises(
        ArtifactError, match=rf"another imu tower\n *got: *{got}[\s\S]*expected: fingerprint {expected}"
    ):
        twin.save_pretrained(tmp_path / "space", report=report)
    assert not (tmp_path / "space").exists()


def test_the_card_names_the_library_model_that_a_tower_started_from(space: Space, tmp_path: Path) -> None:
    tower = space.towers["imu"].tower
    tower.origin = {"encoder": "timm:resnet18.a1_in1k", "weights": "/my/files", "licence": "apache-2.0"}
    try:
        space.save_pretrained(tmp_path / "space")
    finally:
        tower.origin = None
    body = _front(tmp_path / "space")[1]
    assert "| imu-image | timm:resnet18.a1_in1k |" in body and "- imu, first weights: apache-2.0" in body
    assert "/my/files" not in body


def test_limits_of_an_imported_release_stand_in_the_card(space: Space, tmp_path: Path) -> None:
    tower = space.towers["imu"].tower
    tower.origin = {"source": "a paper", "licence": "CC-BY-NC-4.0", "limits": ["no commercial use"]}
    try:
        space.save_pretrained(tmp_path / "space")
    finally:
        tower.origin = None
    body = _front(tmp_path / "space")[1]
    assert "- imu, first weights: CC-BY-NC-4.0\n- no commercial use" in body and "| a paper |" in body


class _FakeHub:
    """Stands for the model hub: keeps what is uploaded in a folder, gives it out again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def api(self, **options: Any) -> "_FakeHub":
        self.calls.append(("api", options))
        return self

    def create_repo(self, repo_id: str, **options: Any) -> str:
        self.calls.append(("create_repo", {"repo_id": repo_id, **options}))
        return f"https://hub.test/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, **options: Any) -> None:
        self.calls.append(("upload_folder", {"repo_id": repo_id, **options}))
        shutil.copytree(folder_path, self.folder / repo_id)

    def snapshot_download(self, repo_id: str, **options: Any) -> str:
        self.calls.append(("snapshot_download", {"repo_id": repo_id, **options}))
        if not (self.folder / repo_id).exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError(f"no {repo_id}")
        return str(self.folder / repo_id)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _FakeHub:
    fake = _FakeHub(tmp_path / "remote")
    monkeypatch.setattr(huggingface_hub, "HfApi", fake.api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake.snapshot_download)
    return fake


def test_a_pushed_space_is_a_repository_that_opens_by_its_name(space: Space, hub: _FakeHub) -> None:
    address = space.push_to_hub("me/it", private=True, token="t", report=_report(space), revision="v1")
    assert address == "https://hub.test/me/it"
    names, calls = zip(*hub.calls, strict=True)
    assert names == ("api", "create_repo", "upload_folder")
    assert calls[0]["token"] == "t" and calls[1] == {"repo_id": "me/it", "private": True, "exist_ok": True}
    assert calls[2]["revision"] == "v1" and calls[2]["delete_patterns"] == "*"
    uploaded = {path.relative_to(hub.folder / "me/it").as_posix() for path in (hub.folder / "me/it").rglob("*.*")}
    assert uploaded == {
        "README.md",
        "hub.json",
        "manifest.json",
        *(
            f"towers/imu/{name}"
            for name in ("centre.safetensors", "ledger.json", "ledger_items.parquet", "manifest.json")
        ),
        "towers/imu/tower.json",
        "towers/imu/tower.safetensors",
    }
    opened = Space("me/it")
    assert hub.calls[-1] == ("snapshot_download", {"repo_id": "me/it", "revision": None, "token": None})
    assert np.array_equal(opened.encode(imu=SOUNDS)["imu"], space.encode(imu=SOUNDS)["imu"])
    Space.from_pretrained("me/it", revision="v1", token="t")
    assert hub.calls[-1][1] == {"repo_id": "me/it", "revision": "v1", "token": "t"}


def test_the_command_takes_the_report_of_the_run(space: Space, hub: _FakeHub, tmp_path: Path) -> None:
    space.save(tmp_path / "run" / "space")
    _report(space).save(tmp_path / "run" / "report")
    done = CliRunner().invoke(app, ["push", str(tmp_path / "run"), "me/it", "--licence", "mit"])
    assert done.exit_code == 0 and done.output.strip() == "https://hub.test/me/it", done.output
    assert hub.calls[1][1]["private"] is None  # the account's default
    front, body = _front(hub.folder / "me/it")
    assert front["license"] == "mit" and "| imu -> text |" in body


def test_a_hub_in_a_local_folder_travels_with_the_space(tmp_path: Path) -> None:
    source = save_family("clip", tmp_path / "clip")
    local = untrained_space("imu", hub=f"transformers:{source}")
    expected = local.encode(text=TEXTS, imu=SOUNDS)
    local.save_pretrained(tmp_path / "first")
    assert str(tmp_path) not in (tmp_path / "first" / "hub.json").read_text()
    shutil.rmtree(source)
    (tmp_path / "first").rename(tmp_path / "moved")
    moved = Space.load(tmp_path / "moved")
    found = moved.encode(text=TEXTS, imu=SOUNDS)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    moved.save_pretrained(tmp_path / "again")  # and on from there
    shutil.rmtree(tmp_path / "moved")
    assert Space.load(tmp_path / "again").fingerprint == local.fingerprint
    with pytest.raises(ArtifactError, match="the hub's files are gone"):
        moved.save_pretrained(tmp_path / "third")


def test_a_hub_of_precomputed_vectors_travels_with_its_second_file(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(3, 8, dtype=np.float32))
    (tmp_path / "v.json").write_text(json.dumps({"modality": "text", "key": TEXTS, "model": "m"}))
    Space(open_hub(f"precomputed:{tmp_path}/v.npy")).save_pretrained(tmp_path / "space")
    (tmp_path / "v.npy").unlink()
    assert np.array_equal(Space.load(tmp_path / "space").encode(text=TEXTS)["text"], np.eye(3, 8, dtype=np.float32))


@pytest.mark.parametrize(
    "name,says", [("a/b/c", "no such space"), ("nothing", "no such space"), ("a/b", "neither a folder here nor")]
)
def test_a_space_that_is_nowhere_is_explained(hub: _FakeHub, name: str, says: str) -> None:
    del hub
    with pytest.raises(ArtifactError, match=says):
        Space(name)


def test_refusals_of_the_hub_are_explained(space: Space, hub: _FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArtifactError, match="not a repository"):
        space.push_to_hub("no-organisation")

    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError("403")

    monkeypatch.setattr(hub, "create_repo", refuse)
    with pytest.raises(ArtifactError, match=r"refuses the space[\s\S]*403"):
        space.push_to_hub("me/it")

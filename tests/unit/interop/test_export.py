"""Exported towers give the tower's vectors, for every registered modality, or say why they can't."""

import json
import re
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from typer.testing import CliRunner
from untrained_space import synthetic, untrained, untrained_space

from binder.cli import app
from binder.errors import ArtifactError, RegistryError
from binder.hub import open_hub
from binder.interop import export as export_module
from binder.interop.export import ExportedTower, export_tower
from binder.interop.programs import FILES, ExportError
from binder.modality import ModalitySpec
from binder.registry import MODALITIES
from binder.space import Space
from binder.towers import Tower

NAMES = sorted(point.name for point in entry_points(group=MODALITIES))  # without those that other tests register


@pytest.fixture(scope="module")
def space() -> Space:
    """With a default tower for every registered modality."""
    hub = open_hub("playground:clip", precision="float32")
    space = Space(hub)
    space.towers.update({name: untrained(hub, name) for name in NAMES})
    return space


def test_there_is_a_tower_for_every_registered_modality(space: Space) -> None:
    assert len(NAMES) == 9 == len(space.towers)


def _same_vectors(space: Space, modality: str, folder: Path, file_format: str) -> None:
    parity = export_tower(space, modality, folder, file_format=file_format)
    assert parity.samples == 10 and parity.largest_difference < 1e-5 and parity.smallest_cosine > 1 - 1e-6
    assert (folder / FILES[file_format]).is_file()
    samples = synthetic(modality, 4)  # a batch size that was never traced
    expected = space.encode(**{modality: samples})[modality]
    found = ExportedTower.open(folder).encode(samples)
    assert np.abs(found - expected).max() < 1e-5  # two arrays: numpy and torch do not mix
    assert np.abs(expected[0] - expected[1]).max() > 1e-3  # a constant would agree with itself


@pytest.mark.parametrize("modality", NAMES)
def test_every_default_tower_as_a_torch_program(space: Space, tmp_path: Path, modality: str) -> None:
    _same_vectors(space, modality, tmp_path / "out", "torch")


@pytest.mark.slow
@pytest.mark.parametrize("modality", NAMES)
def test_every_default_tower_as_onnx(space: Space, tmp_path: Path, modality: str) -> None:
    _same_vectors(space, modality, tmp_path / "out", "onnx")


def test_the_folder_opens_without_binder(space: Space, tmp_path: Path) -> None:
    """Onnxruntime and export.json are enough; batches have any size and texts any length."""
    export_tower(space, "text", tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "export.json").read_text())
    spec = space.spec("text")
    assert (
        facts["modality"]["options"] == json.loads(json.dumps(spec.options))
        and facts["modality"]["fingerprint"] == spec.fingerprint
    )
    assert facts["hub"]["fingerprint"] == space.fingerprint
    assert facts["inputs"]["ids"] == {"dtype": "int64", "axes": ["batch", "ids_1"]}
    assert facts["inputs"]["mask"] == {"dtype": "bool", "axes": ["batch", "ids_1"]}
    assert facts["outputs"]["vectors"] == {"dtype": "float32", "axes": ["batch", space.dim]}
    graph = onnx.load(tmp_path / "out" / "tower.onnx").graph
    assert [one.name for one in graph.input] == list(facts["inputs"]) == ["ids", "mask"]
    session = onnxruntime.InferenceSession(tmp_path / "out" / "tower.onnx")
    for words in ("a", "a much longer text than any that was traced, " * 4):
        ids = np.frombuffer(words.encode(), np.uint8).astype(np.int64)[None] + 1
        alone = session.run(["vectors"], {"ids": ids, "mask": np.ones_like(ids, bool)})[0]
        batch = {"ids": torch.from_numpy(ids), "mask": torch.ones(ids.shape, dtype=torch.bool)}
        with torch.inference_mode():
            np.testing.assert_allclose(alone, space.towers["text"].tower(batch).numpy(), atol=1e-5)


def test_the_space_is_left_as_it_is(space: Space, tmp_path: Path) -> None:
    tower = space.towers["skeleton"].tower
    before = {name: weight.clone() for name, weight in tower.state_dict().items()}
    export_tower(space, "skeleton", tmp_path / "out", file_format="torch")
    assert all(torch.equal(weight, before[name]) for name, weight in tower.state_dict().items())


def test_a_second_export_does_not_replace_the_first(space: Space, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(ArtifactError, match=r"output is not empty[\s\S]*out[\s\S]*new folder"):
        export_tower(space, "skeleton", tmp_path / "out", file_format="torch")
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_a_file_that_gives_other_vectors_is_refused_and_not_kept(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_wrong(folder: Path, file_format: str):
        program = open_program(folder, file_format)
        return lambda inputs: program(inputs) + 2e-4

    open_program = export_module.open_program
    monkeypatch.setattr(export_module, "open_program", open_wrong)
    with pytest.raises(ExportError, match=r"gives other vectors[\s\S]*differs by 0\.0002"):
        export_tower(space, "skeleton", tmp_path / "out", file_format="torch")
    assert list(tmp_path.iterdir()) == []


class Moody(nn.Module):
    """What it does depends on what it sees."""

    width = 4

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        flat = batch.flatten(1)[:, :4]
        return flat if bool(flat.sum() > 0) else -flat


def test_networks_whose_steps_depend_on_values_are_refused(tmp_path: Path) -> None:
    space = untrained_space("imu")
    tower = Tower(space.spec("imu"), Moody(), space.dim).eval()
    object.__setattr__(space.towers["imu"], "tower", tower)
    with pytest.raises(ExportError, match=r"cannot be exported[\s\S]*data-dependent"):
        export_tower(space, "imu", tmp_path / "out", file_format="torch")


def test_sounds_in_any_number_of_clips_are_refused_with_the_reason(tmp_path: Path) -> None:
    space = untrained_space("audio", audio={"view_policy": "whole"})
    with pytest.raises(ExportError, match=r"cannot be exported[\s\S]*view_policy: clip"):
        export_tower(space, "audio", tmp_path / "out", file_format="torch")


def test_a_changed_preparation_of_samples_is_refused(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_tower(space, "skeleton", tmp_path / "out", file_format="torch")
    monkeypatch.setattr(ModalitySpec, "fingerprint", property(lambda self: "another"))
    with pytest.raises(ArtifactError, match="prepared in another way"):
        ExportedTower.open(tmp_path / "out")


def test_what_is_no_tower_and_no_format_is_explained(tmp_path: Path) -> None:
    space = untrained_space("imu")
    with pytest.raises(RegistryError, match=r"the hub embeds image itself[\s\S]*imu"):
        export_tower(space, "image", tmp_path / "out")
    with pytest.raises(RegistryError, match="no tower for radar"):
        export_tower(space, "radar", tmp_path / "out")
    with pytest.raises(RegistryError, match=r"unknown format[\s\S]*onnx, torch"):
        export_tower(space, "imu", tmp_path / "out", file_format="tflite")


def test_the_command_prints_the_comparison(tmp_path: Path) -> None:
    untrained_space("imu").save(tmp_path / "space")
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "space"), "imu", str(tmp_path / "out"), "--format", "torch"]
    )
    assert done.exit_code == 0, done.output
    assert re.search(r"10 samples: largest difference 0.0e\+00, smallest cosine (1\.0|0\.99999)", done.output)

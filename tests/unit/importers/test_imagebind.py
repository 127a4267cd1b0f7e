"""An imported ImageBind gives the vectors of its paper's formulas, opens without the original, and says its licence."""

import open_clip
import pytest
import torch
from imagebind_oracle import DIM, SCALES, embed, random_state, released_input
from safetensors.torch import save_file

from binder.errors import ArtifactError, RegistryError
from binder.importers import import_layout
from binder.space import Space

TOWERS = ("audio", "depth", "imu", "thermal")
TOLERANCE = {"atol": 1e-4, "rtol": 0.0}


@pytest.fixture(scope="module")
def state():
    return random_state()


@pytest.fixture(scope="module")
def imported(state, tmp_path_factory):
    """The folder of an import whose checkpoint is gone."""
    folder = tmp_path_factory.mktemp("imagebind")
    checkpoint = folder / "imagebind.pth"
    torch.save(state, checkpoint)
    result = import_layout("imagebind", checkpoint, folder / "out")
    checkpoint.unlink()
    return result


@pytest.mark.parametrize("name", TOWERS)
def test_towers_agree_with_the_published_formulas(name, state, imported):
    tower = Space.load(imported.folder).towers[name].tower
    spec = tower.spec
    batch = spec.collate([spec.transform(spec.load(spec.synthetic(seed))) for seed in range(2)])
    with torch.no_grad():
        vectors = tower(batch)
        expected = torch.nn.functional.normalize(embed(state, name, released_input(name, batch)), dim=-1)
    assert (expected[0] - expected[1]).norm() > 0.05
    torch.testing.assert_close(vectors, expected, **TOLERANCE)


def test_the_hub_agrees_with_the_published_formulas(state, imported):
    hub = Space.load(imported.folder).hub
    image, text = hub.spec("image").synthetic(0), ["a dog", "two dogs and a cat, asleep"]
    pixels = torch.stack([hub.prepare("image", image)])
    assert pixels.shape == (1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(hub.embed("image", [image]), embed(state, "vision", pixels), **TOLERANCE)
        tokens = open_clip.get_tokenizer("ViT-H-14")(text)
        torch.testing.assert_close(hub.embed("text", text), embed(state, "text", tokens), **TOLERANCE)
    assert hub.native == ("image", "text") and hub.dim == DIM and hub.licence == "cc-by-nc-4.0"


def test_vectors_have_unit_norm_and_the_multipliers_are_kept_beside_them(imported):
    space = Space.load(imported.folder)
    assert set(space.towers) == set(TOWERS)
    for name, checkpoint in space.towers.items():
        vectors = space.encode(**{name: [checkpoint.spec.synthetic(0)]})[name]
        assert abs(float((vectors**2).sum()) - 1) < 1e-5
        assert checkpoint.facts["logit_scale"] == pytest.approx(SCALES[name])


def test_the_licence_and_what_the_release_lacks_are_said_and_stored(imported):
    assert "CC-BY-NC-4.0" in imported.notes[0] and any("commercial" in note for note in imported.notes)
    for checkpoint in Space.load(imported.folder).towers.values():
        assert checkpoint.ledger.licences == ("CC-BY-NC-4.0",)
        assert checkpoint.ledger.edges == ((checkpoint.spec.name, "image"),)
        assert checkpoint.tower.origin["licence"] == "CC-BY-NC-4.0" and checkpoint.tower.origin["trained_on"]
    assert any("imu: the release has no loader" in limit for limit in checkpoint.tower.origin["limits"])


def test_safetensors_and_options_of_a_modality(state, tmp_path):
    save_file(state, tmp_path / "imagebind.safetensors")
    done = import_layout("imagebind", tmp_path / "imagebind.safetensors", tmp_path / "out", ["depth.focal_px=575"])
    assert done.space.towers["depth"].spec.focal_px == 575.0
    with pytest.raises(ArtifactError, match="not empty"):
        import_layout("imagebind", tmp_path / "imagebind.safetensors", tmp_path / "out")


def test_other_checkpoints_are_refused_with_what_is_wrong(state, tmp_path):
    def attempt(weights, *overrides):
        path = tmp_path / "weights.safetensors"
        save_file({name: weight.contiguous() for name, weight in weights.items()}, path)
        return import_layout("imagebind", path, tmp_path / "out", overrides)

    lacking = {name: weight for name, weight in state.items() if "thermal.cls_token" not in name}
    with pytest.raises(ArtifactError, match=r"no weight modality_preprocessors.thermal.cls_token"):
        attempt(lacking)
    with pytest.raises(ArtifactError, match=r"other weights, e.g. modality_heads.smell"):
        attempt({**state, "modality_heads.smell.0.weight": torch.ones(1)})
    wrong = "modality_preprocessors.audio.pos_embedding_helper.pos_embed"
    with pytest.raises(ArtifactError, match=r"do not fit its audio tower[\s\S]*positions \(9, 24\)"):
        attempt({**state, wrong: state[wrong][:, :9]})
    with pytest.raises(ArtifactError, match="not finite"):
        attempt({**state, wrong: state[wrong] * float("nan")})
    with pytest.raises(ArtifactError, match=r"prepared in another shape[\s\S]*\(1, 64, 64\)"):
        attempt(state, "thermal.size=64")
    with pytest.raises(RegistryError, match="has no option smell"):
        attempt(state, "thermal.smell=3")
    with pytest.raises(RegistryError, match=r"unknown layout[\s\S]*imagebind"):
        import_layout("imagebound", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pickle_that_carries_code_is_not_run(tmp_path):
    class Sly:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weights": Sly()}, tmp_path / "sly.pth")
    with pytest.raises(ArtifactError, match="runs no code"):
        import_layout("imagebind", tmp_path / "sly.pth", tmp_path / "out")
    assert not (tmp_path / "ran").exists()

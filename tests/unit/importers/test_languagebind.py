"""Imported branches of LanguageBind agree with the paper's formulas, and only those of one hub are bound together."""

import shutil

import pytest
import torch
from languagebind_oracle import DIM, FRAMES, branch, embed, save_branch
from torch.nn.functional import normalize

from binder.errors import ArtifactError
from binder.importers import import_layout
from binder.importers.languagebind import MEAN, STD, read_branch
from binder.space import Space
from binder.towers.languagebind import LanguageBindEncoder

KINDS = ("Image", "Audio", "Depth", "Thermal")
TOLERANCE = {"atol": 1e-4, "rtol": 0.0}


@pytest.fixture(scope="module")
def branches():
    return {kind: branch(kind, seed=number) for number, kind in enumerate(KINDS)}


@pytest.fixture(scope="module")
def imported(branches, tmp_path_factory):
    """An import whose checkpoints are gone."""
    folder = tmp_path_factory.mktemp("languagebind")
    for kind, (config, state) in branches.items():
        save_branch(folder / "in" / f"LanguageBind_{kind}", config, state)
    result = import_layout("languagebind", folder / "in", folder / "out")
    shutil.rmtree(folder / "in")
    return result


def _rgb(levels: torch.Tensor) -> torch.Tensor:
    """Values of 0..1 as a normalised grey picture."""
    return (levels.expand(-1, 3, -1, -1) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def _oracle_input(kind: str, batch: torch.Tensor) -> torch.Tensor:
    match kind:
        case "Depth":
            return _rgb(batch[:, :1, 0])
        case "Thermal":
            return _rgb((batch + 1) / 2)
        case _:
            return batch


@pytest.mark.parametrize("kind", KINDS[1:])
def test_towers_agree_with_the_published_formulas(kind, branches, imported):
    checkpoint = Space.load(imported.folder).towers[kind.lower()]
    spec = checkpoint.spec
    batch = spec.collate([spec.transform(spec.load(spec.synthetic(seed))) for seed in range(2)])
    config, state = branches[kind]
    with torch.no_grad():
        vectors, expected = checkpoint.tower(batch), embed(config, state, _oracle_input(kind, batch))
    assert (expected[0] - expected[1]).norm() > 0.02
    torch.testing.assert_close(vectors, expected, **TOLERANCE)
    assert checkpoint.facts["logit_scale"] == pytest.approx(14.285, abs=1e-2)
    assert checkpoint.ledger.edges == ((kind.lower(), "text"),) and checkpoint.ledger.licences == ("MIT",)


def test_the_hub_is_the_image_branch(branches, imported):
    hub = Space.load(imported.folder).hub
    config, state = branches["Image"]
    image = hub.spec("image").synthetic(0)
    pixels = hub.prepare("image", image)["pixel_values"]
    with torch.no_grad():
        torch.testing.assert_close(hub.embed("image", [image]), embed(config, state, pixels), **TOLERANCE)
    assert hub.native == ("image", "text") and hub.dim == DIM
    vectors = hub.embed("text", ["a dog", "two dogs"])
    assert vectors.shape == (2, DIM) and (vectors[0] - vectors[1]).norm() > 0.02


def test_a_branch_with_another_text_tower_is_refused(branches, tmp_path):
    save_branch(tmp_path / "in" / "image", *branches["Image"])
    save_branch(tmp_path / "in" / "audio_ft", *branch("Audio", seed=1, text_seed=7))
    with pytest.raises(ArtifactError, match=r"audio branch was trained against another text tower[\s\S]*weights of"):
        import_layout("languagebind", tmp_path / "in", tmp_path / "out")
    shutil.rmtree(tmp_path / "in" / "image")
    with pytest.raises(ArtifactError, match=r"no hub among the branches[\s\S]*\['audio'\]"):
        import_layout("languagebind", tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_attention_over_time_agrees_with_the_published_formulas(tmp_path):
    config, state = branch("Video", seed=3)
    folder = save_branch(tmp_path / "video", config, state)
    imported = read_branch("video", folder, {key: weight for key, weight in state.items() if "text_proj" in key}, {})
    assert imported.options == {"size": 224, "num_frames": FRAMES}
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in imported.encoder.items()}
    assert options.pop("name") == "binder.towers.languagebind:LanguageBindEncoder"
    encoder = LanguageBindEncoder(**options).eval()
    encoder.load_state_dict(dict(imported.weights))
    clips = torch.randn(2, 3, FRAMES, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = embed(config, state, clips)
        torch.testing.assert_close(normalize(encoder(clips), dim=-1), expected, **TOLERANCE)
        shuffled = embed(config, state, clips[:, :, [2, 0, 1]])
    assert (expected - shuffled).norm() > 1e-2  # order matters: the test sees time

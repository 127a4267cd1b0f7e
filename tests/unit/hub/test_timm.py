"""timm's image encoders as hubs: timm's own vectors and pictures, weights from a name, a file or a folder."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import create_transform, resolve_model_data_config
from torch.nn.functional import normalize

from binder.errors import HubError
from binder.hub import open_hub

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 50), (200, 170))]


def _model(name: str):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return timm.create_model(name, pretrained=False).eval()


def _by_hand(model) -> torch.Tensor:
    prepare = create_transform(**resolve_model_data_config(model), is_training=False)
    with torch.no_grad():
        pixels = torch.stack([prepare(Image.fromarray(image)) for image in IMAGES])
        return normalize(model.forward_head(model.forward_features(pixels), pre_logits=True), dim=-1)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_a_folder_or_a_file_gives_the_vectors_of_timm(tmp_path, name):
    model = _model(name)
    timm.models.save_for_hf(model, tmp_path / "folder", safe_serialization=True)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    for reference in (f"{tmp_path}/folder", f"{name}@{tmp_path}/weights.safetensors"):
        hub = open_hub(f"timm:{reference}")
        assert hub.name == f"timm:{reference}" and hub.native == ("image",)
        torch.testing.assert_close(hub.embed("image", IMAGES), _by_hand(model), atol=1e-5, rtol=0)
        assert hub.fingerprint == open_hub(hub.name).fingerprint
    hub.check_frozen()


def test_a_file_without_a_classifier_is_whole_and_one_with_a_hole_is_not(tmp_path):
    weights = {key: tensor for key, tensor in _model("test_vit").state_dict().items() if not key.startswith("head.")}
    save_file(weights, tmp_path / "headless.safetensors")
    hub = open_hub(f"timm:test_vit@{tmp_path}/headless.safetensors")
    torch.testing.assert_close(hub.embed("image", IMAGES), _by_hand(_model("test_vit")), atol=1e-5, rtol=0)
    del weights["blocks.1.attn.qkv.weight"]
    save_file(weights, tmp_path / "hole.safetensors")
    with pytest.raises(HubError, match=r"Missing key.*[\s\S]*blocks.1.attn.qkv.weight"):
        open_hub(f"timm:test_vit@{tmp_path}/hole.safetensors")


def test_a_folder_with_a_hole_is_refused(tmp_path):
    timm.models.save_for_hf(_model("test_vit"), tmp_path, safe_serialization=True)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["blocks.1.attn.qkv.weight"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(HubError, match=r"blocks.1.attn.qkv.weight"):
        open_hub(f"timm:{tmp_path}")


def test_random_weights_only_on_request_and_by_seed():
    prints = [open_hub("timm:test_vit", random_init=seed).fingerprint for seed in (1, 1, 2)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("test_vitt", r"architecture 'test_vitt'[\s\S]*choices:.*test_vit"),
        ("test_vit.in22k", r"pretrained tag 'in22k'[\s\S]*choices:.*r160_in1k[\s\S]*random"),
        ("vit_srelpos_small_patch16_224", "without pretrained weights|no pretrained|cannot load"),
        ("test_vit@/nowhere/w.safetensors", "no file /nowhere/w.safetensors"),
        ("/nowhere/at/all", "no directory /nowhere/at/all"),
    ],
)
def test_what_cannot_be_loaded_is_an_error_that_names_the_choices(reference, says, monkeypatch):
    def offline(*args, **options):
        raise FileNotFoundError("cannot load: no network")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(HubError, match=says):
        open_hub(f"timm:{reference}")


def test_weights_that_cannot_be_fetched_are_a_hub_error_with_the_remedy(monkeypatch):
    def offline(*args, **options):
        raise FileNotFoundError("no network")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(HubError, match=r"no network[\s\S]*give a directory"):
        open_hub("timm:test_vit.r160_in1k")

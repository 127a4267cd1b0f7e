"""The committed hub: small, open_clip's own format, loads without network, knows held-out combinations."""

import json
import socket

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from binder.playground import draw_scenes, hub_folder, render_image, write_caption


@pytest.fixture(scope="module")
def hub():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the hub opened a connection"))
        name = f"local-dir:{hub_folder()}"
        model, _, transform = open_clip.create_model_and_transforms(name)
        return model.eval(), transform, open_clip.get_tokenizer(name)


def test_hub_is_small_and_has_no_pickle():
    files = {path.name: path.stat().st_size for path in hub_folder().iterdir()}
    assert set(files) == {"open_clip_model.safetensors", "open_clip_config.json", "README.md"}
    assert sum(files.values()) <= 8_000_000


def test_hub_width_and_size_are_what_the_config_says(hub):
    config = json.loads((hub_folder() / "open_clip_config.json").read_text())
    model, transform, tokenizer = hub
    assert config["model_cfg"]["embed_dim"] == 128
    assert transform(Image.new("RGB", (64, 64))).shape == (3, 64, 64)
    with torch.no_grad():
        assert model.encode_image(torch.zeros(2, 3, 64, 64)).shape == (2, 128)
        assert model.encode_text(tokenizer(["a ball", "a rod"])).shape == (2, 128)


def test_no_caption_is_cut_off(hub):
    _, _, tokenizer = hub
    longest = max(
        int((tokenizer(write_caption(scene, np.random.default_rng(number)), context_length=77) > 0).sum())
        for number, scene in enumerate(draw_scenes(4, "train", 200))
    )
    assert longest <= tokenizer.context_length


def test_hub_matches_images_and_captions_of_held_out_combinations(hub):
    model, transform, tokenizer = hub
    scenes = draw_scenes(4, "test", 84)
    images = [render_image(scene, np.random.default_rng([4, n])) for n, scene in enumerate(scenes)]
    captions = [write_caption(scene, np.random.default_rng([5, n])) for n, scene in enumerate(scenes)]
    with torch.no_grad():
        pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
        pictures = model.encode_image(pixels, normalize=True).numpy()
        texts = model.encode_text(tokenizer(captions), normalize=True).numpy()
    similarity = pictures @ texts.T
    rank = (similarity > np.diag(similarity)[:, None]).sum(1)
    assert (rank < 5).mean() > 0.6  # chance .06

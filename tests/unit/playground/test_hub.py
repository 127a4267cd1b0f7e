"""The committed hub: small, open_clip's own format, loads without network, knows held-out combinations."""

import json
import socket

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression

from binder.playground import VISIBLE, Scene, draw_scenes, hub_folder, render_image, write_caption


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


def image_vectors(hub, scenes: list[Scene], seed: int) -> np.ndarray:
    model, transform, _ = hub
    images = [render_image(scene, np.random.default_rng([seed, number])) for number, scene in enumerate(scenes)]
    with torch.no_grad():
        return model.encode_image(torch.stack([transform(Image.fromarray(i)) for i in images]), normalize=True).numpy()


def test_image_vectors_carry_every_attribute_of_held_out_combinations(hub):
    """A linear probe, fitted on training combinations, reads each column: towers can only learn what is there."""
    train, test = draw_scenes(4, "train", 588), draw_scenes(4, "test", 168)
    train_vectors, test_vectors = image_vectors(hub, train, 6), image_vectors(hub, test, 7)
    assert len(VISIBLE["image"]) == 7
    for name in VISIBLE["image"]:
        truth = [getattr(scene, name) for scene in test]
        probe = LogisticRegression(max_iter=2000, C=10).fit(train_vectors, [getattr(scene, name) for scene in train])
        score = probe.score(test_vectors, truth)
        chance = max(truth.count(value) for value in truth) / len(truth)
        assert score > chance + 0.25 * (1 - chance), (name, score, chance)


def test_hub_matches_images_and_captions_of_held_out_combinations(hub):
    model, _, tokenizer = hub
    scenes = draw_scenes(4, "test", 84)
    captions = [write_caption(scene, np.random.default_rng([5, n])) for n, scene in enumerate(scenes)]
    with torch.no_grad():
        texts = model.encode_text(tokenizer(captions), normalize=True).numpy()
    pictures = image_vectors(hub, scenes, 8)
    similarity = pictures @ texts.T
    rank = (similarity > np.diag(similarity)[:, None]).sum(1)
    assert (rank < 5).mean() > 0.6  # chance .06

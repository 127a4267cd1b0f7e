"""Samples in parts: any encoder of one part serves, and a checkpoint of it needs no more than of the encoder alone."""

import numpy as np
import pytest
import torch
from torch import nn

from binder.errors import RegistryError
from binder.towers import build_tower
from binder.towers.parts import AttentionOverParts, MeanOfParts, pad_parts, width_of
from modalities.video import Video

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 8}
ENCODERS = [
    {"name": "raw", "grid": 2},
    {"name": "timm:test_resnet", "pretrained": False},
    {"name": "transformers:vit", "config": SMALL},
]
CLIPS = Video(view_policy="clips", num_clips=2, num_frames=3, size=32)
ONE = Video(num_frames=3, size=32)


def _samples() -> list[torch.Tensor]:
    return [CLIPS.transform(CLIPS.load(CLIPS.synthetic(seed))) for seed in range(2)]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda options: options["name"])
def test_an_encoder_of_one_part_gives_the_mean_of_its_features(encoder):
    tower, plain = (build_tower(spec, 4, encoder=encoder, seed=3).eval() for spec in (CLIPS, ONE))
    samples = _samples()
    with torch.no_grad():
        together = tower.encoder(CLIPS.collate(samples))
        for features, clips in zip(together, samples, strict=True):
            torch.testing.assert_close(features, sum(plain.encoder(clip[None])[0] for clip in clips) / len(clips))


@pytest.mark.parametrize("encoder", ENCODERS[1:], ids=lambda options: options["name"])
def test_a_checkpoint_rebuilds_it_from_its_architecture(encoder):
    tower = build_tower(CLIPS, 4, encoder=encoder, seed=3).eval()
    again = build_tower(CLIPS, 4, encoder={"name": encoder["name"]}, architecture=tower.encoder.architecture).eval()
    again.load_state_dict(tower.state_dict())
    batch = CLIPS.collate(_samples())
    assert torch.equal(tower(batch), again(batch))


def test_padding_parts_are_never_encoded():
    seen = []

    class Spy(nn.Linear):
        width = 2

        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    tensors = [torch.randn(count, 5) for count in (1, 70, 3)]
    batch = pad_parts(tensors)
    assert batch["parts"].shape == (3, 70, 5) and batch["counts"].tolist() == [1, 70, 3]
    network = Spy(5, 2)
    found = MeanOfParts(network)(batch)
    assert sum(seen) == 74 and max(seen) <= 64
    for features, tensor in zip(found, tensors, strict=True):
        torch.testing.assert_close(features, network(tensor).mean(0))


def test_attention_weighs_parts_by_their_scores():
    plain = nn.Identity()
    plain.width = 4
    pool = AttentionOverParts(plain, num_parts=3, heads=2)
    nn.init.normal_(pool.positions)
    x = torch.randn(2, 3, 4)
    for sample, found in zip(x, pool(x), strict=True):
        for head in range(2):
            normed = (sample - sample.mean(-1, keepdim=True)) / (
                sample.var(-1, correction=0, keepdim=True) + 1e-5
            ).sqrt()
            weights = np.exp(
                [
                    (float((pool.scores.weight[head] @ n + p).detach()))
                    for n, p in zip(normed, pool.positions[:, head], strict=True)
                ]
            )
            expected = sum(w * part for w, part in zip((weights / weights.sum()).tolist(), sample, strict=True))
            torch.testing.assert_close(found[2 * head : 2 * head + 2], expected[2 * head : 2 * head + 2])


def test_an_encoder_must_say_its_width():
    with pytest.raises(RegistryError, match="without a width"):
        width_of(nn.Identity())

"""Waveforms reach the speech encoders of transformers as their own processor has them; misfits say what would fit."""

import numpy as np
import pytest
import torch
import transformers

from binder.errors import RegistryError
from binder.registry import create_modality
from binder.towers import build_tower

KINDS = ["wav2vec2", "hubert", "wavlm", "data2vec-audio"]
SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "conv_dim": [8, 8], "conv_kernel": [10, 3], "conv_stride": [5, 2], "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
SECONDS, RATE = 0.1, 16_000


def _sounds() -> list[np.ndarray]:
    """One that fits, one that is shorter."""
    chance = np.random.default_rng(0)
    return [chance.normal(0.1, 0.2, round(share * SECONDS * RATE)).astype(np.float32) for share in (1.0, 0.6)]


def _processed(sounds) -> torch.Tensor:
    processor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    padding = {"padding": "max_length", "max_length": round(SECONDS * RATE)}
    return processor(sounds, sampling_rate=RATE, return_tensors="pt", **padding)["input_values"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", ["clip", "clips"])
def test_a_speech_encoder_gives_the_mean_of_what_its_library_gives(kind, view):
    spec = create_modality("audio", front_end="waveform", seconds=SECONDS, view_policy=view, num_clips=2)
    tower = build_tower(spec, 4, encoder={"name": f"transformers:{kind}", "config": SMALL}, seed=1).eval()
    sounds = _sounds()
    batch = spec.collate([spec.transform(spec.load(sound)) for sound in sounds])
    settings = dict(tower.encoder.architecture["config"])
    config = transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
    model = transformers.AutoModel.from_config(config).eval()
    own = tower.encoder.mean.encoder if view == "clips" else tower.encoder
    model.load_state_dict(own.network.state_dict())
    with torch.no_grad():
        expected = model(_processed(sounds)).last_hidden_state.mean(1)
        torch.testing.assert_close(tower.encoder(batch), expected, atol=1e-5, rtol=1e-5)
    assert (expected[0] - expected[1]).norm() > 1e-3


MISFITS = [
    ("wav2vec2", {}, SMALL, r"one row of amplitudes, not \(1, 64, 101\)[\s\S]*audio the option front_end: waveform"),
    ("whisper", {}, {}, r"fix: +give audio the option front_end: whisper"),
    ("clap", {"front_end": "clap_fused"}, {}, r"front_end: clap; front_end: clap_fused where[\s\S]*enable_fusion"),
    ("whispr", {}, {}, r"kinds of models with such a name: whisper"),
]


@pytest.mark.parametrize(("kind", "options", "config", "says"), MISFITS)
def test_what_an_encoder_cannot_hear_is_refused_with_the_option_that_it_needs(kind, options, config, says, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RegistryError, match=says):
        build_tower(create_modality("audio", **options), 4, encoder={"name": f"transformers:{kind}", "config": config})


def test_a_misspelt_network_of_timm_is_answered_with_its_neighbours():
    with pytest.raises(RegistryError, match=r"got: +model 'resnet_18'\n  choices: .*resnet18"):
        build_tower(create_modality("image"), 4, encoder={"name": "timm:resnet_18"})

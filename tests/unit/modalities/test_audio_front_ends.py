"""Log-mel pictures of the published systems equal those of their own feature extractors."""

import math

import numpy as np
import pytest
import torch
import torchaudio
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from binder.check import check_modality
from binder.errors import BinderError
from binder.registry import create_modality
from binder.towers import build_tower
from modalities.audio import Audio
from modalities.audio.front_ends import FRONT_ENDS

CLAP_ROUNDING = 1e-5  # theirs keeps spectra in single precision, and decibels down to -100 feel it


def sound(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Tones, noise and a silent stretch: loud and quiet cells."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.2 * np.sin(2 * np.pi * 3000 * time * (1 + 0.1 * time / seconds))
    wave += 0.05 * chance.standard_normal(len(time))
    wave[len(wave) // 3 : len(wave) // 2] *= 1e-3
    return wave.astype(np.float32)


@pytest.mark.parametrize("seconds", [0.03, 1.0, 9.99, 10.255])
def test_ast_pictures_are_those_of_its_feature_extractor(seconds):
    wave = sound(seconds, 16_000)
    theirs = ASTFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    ours = Audio(front_end="ast").transform(wave[:, None])
    np.testing.assert_allclose(ours[0].T, theirs, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.03, 1.0, 3.4, 10.0])
def test_clap_pictures_are_those_of_its_feature_extractor(seconds):
    wave = sound(seconds, 48_000)
    for front_end, truncation in (("clap", "rand_trunc"), ("clap_fused", "fusion")):
        extractor = ClapFeatureExtractor(truncation=truncation)
        theirs = extractor(wave, sampling_rate=48_000, return_tensors="np")["input_features"][0]
        ours = Audio(front_end=front_end).transform(wave[:, None])
        np.testing.assert_allclose(ours.transpose(1, 2), theirs, atol=1e-4, rtol=CLAP_ROUNDING)


@pytest.mark.parametrize("seconds", [10.02, 12.5, 33.3])
def test_clap_fusion_of_a_long_sound_is_that_of_its_feature_extractor(seconds, monkeypatch):
    monkeypatch.setattr(np.random, "choice", lambda places: places[0])  # theirs draws a place from each third
    wave = sound(seconds, 48_000)
    theirs = ClapFeatureExtractor()(wave, sampling_rate=48_000, return_tensors="np")["input_features"][0]
    ours = Audio(front_end="clap_fused").transform(wave[:, None])
    assert ours.shape == (4, 64, 1001)
    np.testing.assert_allclose(ours.transpose(1, 2), theirs, atol=1e-4, rtol=CLAP_ROUNDING)


def test_a_long_fusion_by_blocks_is_that_of_the_whole(monkeypatch):
    wave = sound(31.7, 48_000)[:, None]
    whole = Audio(front_end="clap_fused").transform(wave)
    monkeypatch.setattr("modalities.audio.transform.FRAMES_AT_ONCE", 700)
    torch.testing.assert_close(Audio(front_end="clap_fused").transform(wave), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("seconds", "num_mels"), [(0.03, 80), (5.0, 80), (30.0, 80), (5.0, 128)])
def test_whisper_pictures_are_those_of_its_feature_extractor(seconds, num_mels):
    wave = sound(seconds, 16_000)
    extractor = WhisperFeatureExtractor(feature_size=num_mels)
    theirs = extractor(wave, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    ours = Audio(front_end="whisper", num_mels=num_mels).transform(wave[:, None])
    np.testing.assert_allclose(ours[0], theirs, atol=1e-4)


def kaldi(wave: np.ndarray, num_mels: int) -> torch.Tensor:
    """As ImageBind and LanguageBind call it: on the clip without its mean, (band, frame)."""
    sound = torch.from_numpy(wave)
    centred = (sound - sound.mean())[None]
    return torchaudio.compliance.kaldi.fbank(
        centred, htk_compat=True, window_type="hanning", num_mel_bins=num_mels, dither=0.0
    ).T


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_imagebind_sees_three_clips_of_two_seconds(seconds):
    wave = sound(seconds, 16_000)
    ours = Audio(front_end="imagebind").transform(wave[:, None])
    assert ours.shape == (3, 1, 128, 204)
    for clip, picture in enumerate(ours):
        start = round(max(0.0, seconds - 2) * 16_000 * clip / 2)
        mel = kaldi(wave[start : start + 32_000], 128)
        filled = torch.nn.functional.pad(mel, (0, 204 - mel.shape[1]))
        torch.testing.assert_close(picture[0], (filled + 4.268) / 9.138, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seconds", [3.0, 10.36, 25.0])
def test_languagebind_sees_three_stretches_as_channels(seconds):
    wave = sound(seconds, 16_000)
    ours = Audio(front_end="languagebind").transform(wave[:, None])
    assert ours.shape == (3, 112, 1036)
    longest = 1036 * 160
    if len(wave) <= longest:
        repeated = np.tile(wave, longest // len(wave))
        mel = kaldi(np.pad(repeated, (0, longest - len(repeated))), 112)
        stretches = [torch.nn.functional.pad(mel, (0, 1036 - mel.shape[1]))] * 3
    else:
        mel = kaldi(wave, 112)
        thirds = np.array_split(np.arange(mel.shape[1] - 1036 + 1), 3)
        stretches = [mel[:, third[0] : third[0] + 1036] for third in thirds]
    expected = (torch.stack(stretches) + 4.2677393) / 4.5689974
    # the mean of a padded sound is not that of its frames: cells near Kaldi's floor feel the rounding
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("front_end", sorted(FRONT_ENDS))
def test_every_front_end_keeps_the_contract_at_a_tenth_of_its_length(front_end):
    own = FRONT_ENDS[front_end]
    spec = Audio(front_end=front_end, seconds=own.seconds / 10)
    assert (spec.rate_hz, spec.num_mels, spec.view_policy) == (own.rate_hz, own.num_mels, own.view_policy)
    assert [line for line in check_modality(spec) if not line.passed] == []


@pytest.mark.parametrize("front_end", sorted(FRONT_ENDS))
@pytest.mark.parametrize("seconds", [0.02, 0.5])
def test_very_short_sounds_have_finite_pictures(front_end, seconds):
    spec = Audio(front_end=front_end)
    assert torch.isfinite(spec.transform(sound(seconds, spec.rate_hz)[:, None])).all()


@pytest.mark.parametrize("front_end", sorted(FRONT_ENDS))
def test_one_decibel_of_gain_in_training_is_one_decibel_of_sound(front_end):
    spec = Audio(
        front_end=front_end, view_policy="clip", seconds=1.0, gain_db=3.0, shift=0.0, time_mask=0.0, mel_mask=0.0
    )
    noise = 0.1 * np.random.default_rng(0).standard_normal((spec.num_samples, 1)).astype(np.float32)
    quiet, loud = spec.transform(noise), spec.transform(noise * 10 ** (3 / 20))
    most = max(float((spec.augment(quiet, torch.Generator().manual_seed(seed)) - quiet).median()) for seed in range(99))
    assert most == pytest.approx(float((loud - quiet).median()), rel=0.05, abs=1e-6)


def test_masks_hide_with_the_mean():
    spec = Audio(front_end="clap", seconds=1.0, gain_db=0.0, shift=0.0, time_mask=0.5, mel_mask=0.0)
    mel = spec.transform(sound(1.0, 48_000)[:, None])
    varied = spec.augment(mel, torch.Generator().manual_seed(1))
    hidden = varied != mel
    assert 0.05 < hidden.float().mean() < 0.5
    assert varied[hidden].unique().numel() == 1
    assert float(varied[hidden][0]) == pytest.approx(float(mel.mean()), abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"front_end": "mfcc"},
        {"view_policy": "fusion"},
        {"front_end": "whisper", "view_policy": "thirds"},
        {"front_end": "ast", "length": "any"},
        {"view_policy": "clips", "length": "exact"},
        {"num_clips": 0},
    ],
)
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(BinderError, match=r"option .* of audio"):
        create_modality("audio", **options)


def test_what_is_stored_are_the_numbers():
    options = Audio(front_end="imagebind").options
    assert (options["rate_hz"], options["seconds"], options["num_mels"], options["view_policy"]) == (
        16_000,
        2.0,
        128,
        "clips",
    )
    assert Audio(**options) == Audio(front_end="imagebind")
    assert math.isclose(Audio(front_end="imagebind", seconds=4.0).seconds, 4)


SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}
SWIN = {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 16}
FUSED = {"audio_config": {**SWIN, "enable_fusion": True}, "text_config": {**SMALL, "vocab_size": 8}}
CLAP = {"audio_config": SWIN, "text_config": {**SMALL, "vocab_size": 8}}


@pytest.mark.parametrize(
    ("front_end", "encoder"),
    [
        ("ast", {"name": "transformers:audio-spectrogram-transformer", "config": SMALL}),
        ("whisper", {"name": "transformers:whisper", "config": WHISPER}),
        ("clap", {"name": "transformers:clap", "config": CLAP}),
        ("clap_fused", {"name": "transformers:clap", "config": FUSED}),
        ("imagebind", {"name": "transformers:audio-spectrogram-transformer", "config": SMALL}),
    ],
)
def test_encoders_of_transformers_fit_their_front_end(front_end, encoder):
    """Also where the front end sees several clips: each goes through the network, their features are averaged."""
    spec = Audio(front_end=front_end)
    waves = [sound(spec.seconds * share, spec.rate_hz, seed)[:, None] for seed, share in enumerate((0.5, 1.7))]
    vectors = build_tower(spec, 8, encoder=encoder).eval()(spec.collate([spec.transform(wave) for wave in waves]))
    assert vectors.shape == (2, 8) and torch.isfinite(vectors).all()
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-4)


def test_fused_clap_gets_what_its_own_extractor_says(monkeypatch):
    """Vectors of a short and a long sound equal those of the model fed by its feature extractor."""
    monkeypatch.setattr(np.random, "choice", lambda places: places[0])
    spec = Audio(front_end="clap_fused")
    encoder = build_tower(spec, 8, encoder={"name": "transformers:clap", "config": FUSED}).encoder.eval()
    waves = [sound(seconds, 48_000) for seconds in (4.0, 14.0)]
    inputs = ClapFeatureExtractor()(waves, sampling_rate=48_000, return_tensors="pt")
    assert inputs["is_longer"].flatten().tolist() == [False, True]
    with torch.no_grad():
        ours = encoder(spec.collate([spec.transform(wave[:, None]) for wave in waves]))
        theirs = encoder.network(**inputs).pooler_output
        without = encoder.network(inputs["input_features"], is_longer=torch.zeros(2, 1, dtype=torch.bool)).pooler_output
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert (theirs - without)[1].abs().max() > 1e-3


@pytest.mark.parametrize("seconds", [0.03, 1.0, 10.0])
def test_waveforms_are_those_of_the_feature_extractor_of_wav2vec2(seconds):
    wave = sound(seconds, 16_000) + np.float32(0.1)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    theirs = extractor(wave, sampling_rate=16_000, padding="max_length", max_length=160_000, return_tensors="pt")
    ours = Audio(front_end="waveform").transform(wave[:, None])
    torch.testing.assert_close(ours[0], theirs["input_values"], atol=1e-5, rtol=1e-5)


def test_a_waveform_has_one_row_and_no_loudness_to_vary():
    spec = Audio(front_end="waveform", seconds=0.5, shift=0.0, time_mask=0.0)
    tensor = spec.transform(spec.synthetic(0))
    assert tensor.shape == (1, 1, 8000)
    assert torch.equal(spec.augment(tensor, torch.Generator().manual_seed(0)), tensor)
    with pytest.raises(BinderError, match=r"option num_mels of audio[\s\S]*got: +64"):
        Audio(front_end="waveform", num_mels=64)

"""CLAP's pictures are those of its extractor where that throws no dice, and fixed where it does."""

import time
import tracemalloc

import numpy as np
import pytest
import torch

from binder.hub.clap import ClapMels

transformers = pytest.importorskip("transformers")

RATE = 4_000
DECIBELS = 1e-3  # float32 weights of the interpolation, over 100 dB
OPTIONS = {"sampling_rate": RATE, "hop_length": 40, "max_length_s": 1, "fft_window_size": 256, "frequency_max": 1_900}


def _sound(seconds: float) -> np.ndarray:
    return (0.2 * np.random.default_rng(3).standard_normal(round(seconds * RATE))).astype(np.float32)


def _extractor(**options):
    return transformers.ClapFeatureExtractor(**OPTIONS, **options)


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("truncation", ["fusion", "rand_trunc"])
@pytest.mark.parametrize("seconds", [0.02, 0.3, 0.7, 1.0])
def test_short_sounds_are_prepared_as_by_the_extractor(seconds, truncation, padding):
    extractor, sound = _extractor(truncation=truncation, padding=padding), _sound(seconds)
    expected = extractor([sound], sampling_rate=RATE, return_tensors="pt")
    given = ClapMels(extractor)(sound)
    torch.testing.assert_close(given["input_features"], expected["input_features"], atol=DECIBELS, rtol=0)
    assert not given["is_longer"].any() and given["is_longer"].shape == (1, 1)


@pytest.mark.parametrize("seconds", [1.005, 1.02, 1.5, 2.3, 7.0])
@pytest.mark.parametrize("truncation", ["fusion", "rand_trunc"])
def test_long_sounds_are_prepared_as_if_the_dice_had_fallen_so(monkeypatch, seconds, truncation):
    extractor, sound = _extractor(truncation=truncation), _sound(seconds)
    monkeypatch.setattr(np.random, "choice", lambda choices: choices[0])
    monkeypatch.setattr(np.random, "randint", lambda low, high: (high - 1) // 2)
    expected = extractor([sound, sound], sampling_rate=RATE, return_tensors="pt")
    given = ClapMels(extractor)(sound)
    torch.testing.assert_close(given["input_features"][0], expected["input_features"][0], atol=DECIBELS, rtol=0)
    assert bool(given["is_longer"]) == (len(sound) // 40 > 100 if truncation == "fusion" else True)


def test_an_hour_costs_what_a_minute_does():
    extractor = transformers.ClapFeatureExtractor()
    minute = np.zeros(60 * 48_000, np.float32)
    mels = ClapMels(extractor)
    costs = []
    for sound in (minute, np.zeros(3600 * 48_000, np.float32)):
        tracemalloc.start()
        began = time.perf_counter()
        assert mels(sound)["input_features"].shape == (1, 4, 1001, 64)
        costs.append((time.perf_counter() - began, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    assert costs[1][1] < 1.2 * costs[0][1] < 200e6
    assert costs[1][0] < 5 * costs[0][0] + 1

"""Sounds: formats, rates, channels, lengths, and the log-mel picture against its definition."""

import math
from io import BytesIO

import numpy as np
import pytest
import soundfile
import torch

from binder.errors import BinderError, SampleError
from binder.registry import create_modality
from modalities.audio import Audio
from modalities.audio.front_ends import FLOOR, LOWEST_HZ, MEL_MEAN, MEL_STD
from modalities.audio.mel import fft_size, mel_bank

RATE = 16_000
SPEC = Audio(seconds=0.25)
TONE = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 4) / RATE)).astype(np.float32)


def encoded(array: np.ndarray, form: str = "WAV", *, rate: int = RATE, subtype: str | None = None) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, array, rate, format=form, subtype=subtype)
    return stream.getvalue()


def test_path_bytes_dictionary_and_array_give_one_sample(tmp_path):
    data = encoded(TONE, subtype="FLOAT")
    path = tmp_path / "tone.wav"
    path.write_bytes(data)
    sources = [path, str(path), data, {"bytes": data, "path": None}, TONE, TONE[:, None], TONE.astype(np.float64)]
    sources.append({"array": TONE, "sampling_rate": RATE})
    for source in sources:
        sample = SPEC.load(source)
        assert sample.dtype == np.float32
        np.testing.assert_allclose(sample, TONE[:, None], atol=1e-6)


@pytest.mark.parametrize(("form", "tolerance"), [("WAV", 1e-4), ("FLAC", 1e-4), ("OGG", 0.1), ("MP3", 0.1)])
def test_common_formats_open(form, tolerance):
    sample = SPEC.load(encoded(TONE, form))
    middle = slice(1000, 2000)  # codecs smear the ends
    level = np.sqrt((sample[middle] ** 2).mean())
    assert level == pytest.approx(0.5 / math.sqrt(2), abs=tolerance)


def test_another_rate_is_refused_with_both_rates_and_the_fix():
    source = {"array": TONE, "sampling_rate": 44_100}
    with pytest.raises(SampleError, match=r"(?s)44100 Hz.*16000 Hz.*resample: true"):
        SPEC.load(source)
    with pytest.raises(SampleError, match=r"(?s)8000 Hz.*16000 Hz"):
        SPEC.load(encoded(TONE, rate=8000))


def test_resampling_keeps_a_tone_where_it_was():
    fine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000).astype(np.float32)
    sample = Audio(resample=True).load({"array": fine, "sampling_rate": 48_000})
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert sample.shape == (RATE, 1)
    np.testing.assert_allclose(sample[500:-500, 0], expected[500:-500], atol=2e-3)  # the filter rings at the ends


def test_channels_are_mixed_taken_or_refused():
    stereo = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    np.testing.assert_allclose(SPEC.load(stereo), TONE[:, None] / 2)
    np.testing.assert_array_equal(Audio(mono="first").load(stereo), TONE[:, None])
    with pytest.raises(SampleError, match=r"(?s)2 channels.*mono: mix or first"):
        Audio(mono="refuse").load(stereo)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ((TONE * 32768).astype(np.int16), "divide 16-bit integers by 32768"),
        (TONE * 32768, "out of range"),
        (np.stack([TONE, TONE]), "transpose"),
        ({"array": TONE}, "no sampling rate"),
        ({"array": TONE, "sampling_rate": "16k"}, "no sampling rate"),
        ({"array": np.zeros(0, np.float32), "sampling_rate": RATE}, "empty"),
        ({"array": np.zeros((0, 2), np.float32), "sampling_rate": 8000}, "transpose|wrong sampling"),
        ({"rate": RATE}, "not a file"),
        (np.full(4000, np.nan, np.float32), "NaN"),
        (encoded(TONE, "FLAC")[:300], "decode|truncated"),
        (b"RIFF\x00\x00\x00\x00WAVE", "decode"),
    ],
)
def test_bad_sounds_are_refused_with_the_reason(source, reason):
    with pytest.raises(SampleError, match=reason):
        SPEC.load(source)


def test_a_file_shorter_than_its_header_says_is_refused():
    data = encoded(TONE, "FLAC")
    with pytest.raises(SampleError, match=r"decode|truncated"):
        SPEC.load(data[: len(data) // 2])
    data = encoded(TONE)
    with pytest.raises(SampleError, match=r"(?s)truncated.*4022 bytes.*8044"):
        SPEC.load(data[: len(data) // 2])
    streamed = data[:4] + b"\xff\xff\xff\xff" + data[8:]  # a pipe writes no length; that is not a cut file
    assert SPEC.load(streamed).shape == (4000, 1)


def test_resample_copes_with_empty_sounds_by_refusing_them():
    with pytest.raises(SampleError):
        Audio(resample=True).load({"array": np.zeros(0, np.float32), "sampling_rate": 8000})


def test_exact_length_refuses_others_and_crop_or_pad_takes_the_centre():
    exact = Audio(seconds=0.25, length="exact")
    assert exact.load(TONE).shape == (4000, 1)
    with pytest.raises(SampleError, match=r"(?s)3999 amplitudes.*4000"):
        exact.load(TONE[:-1])
    long = np.zeros(8000, np.float32)
    long[2000:6000] = TONE
    assert torch.equal(SPEC.transform(long[:, None]), SPEC.transform(TONE[:, None]))


def test_padding_is_silence_at_the_end():
    padded = np.concatenate([TONE[:2000], np.zeros(2000, np.float32)])
    mel = SPEC.transform(TONE[:2000, None])
    assert torch.equal(mel, SPEC.transform(padded[:, None]))
    silence = (math.log(FLOOR) - MEL_MEAN) / MEL_STD
    assert mel[..., -1].numpy() == pytest.approx(silence, abs=1e-4)


def test_log_mel_equals_its_definition():
    """Windowed frames, a discrete Fourier transform by its formula, triangles on the mel scale, a logarithm."""
    window, hop, size, bands = 400, 160, 512, 8
    spec = Audio(seconds=0.1, num_mels=bands)
    wave = spec.synthetic(0)[:, 0].astype(np.float64)
    padded = np.pad(wave, size // 2, mode="reflect")
    hann = np.zeros(size)
    hann[(size - window) // 2 : (size + window) // 2] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    starts = range(0, len(padded) - size + 1, hop)
    turn = np.exp(-2j * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size)
    power = np.stack([np.abs(turn @ (padded[start : start + size] * hann)) ** 2 for start in starts], axis=1)

    def mel(hertz):
        return 2595 * math.log10(1 + hertz / 700)

    edges = [700 * (10 ** (m / 2595) - 1) for m in np.linspace(mel(20), mel(RATE / 2), bands + 2)]
    energy = np.zeros((bands, power.shape[1]))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for index in range(size // 2 + 1):
            hertz = index * RATE / size
            weight = min((hertz - low) / (centre - low), (high - hertz) / (high - centre))
            energy[band] += max(0.0, weight) * power[index]
    expected = (np.log(energy + FLOOR) - MEL_MEAN) / MEL_STD
    np.testing.assert_allclose(spec.transform(wave.astype(np.float32)[:, None])[0], expected, atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("num_mels", [32, 64, 80, 128])
def test_no_mel_band_falls_between_two_bins(rate, num_mels):
    bank = mel_bank(rate, num_mels, fft_size(round(0.025 * rate), num_mels), f_min=LOWEST_HZ)
    assert (bank.mel_scale.fb.sum(dim=0) > 0).all()


def test_gain_in_training_is_that_many_decibels():
    """With a sound far above the floor, doubling the amplitude adds 6.02 dB to every cell."""
    noise = 0.2 * np.random.default_rng(0).standard_normal((4000, 1)).astype(np.float32)
    spec = Audio(seconds=0.25, num_mels=8, gain_db=6.0206, shift=0.0, time_mask=0.0, mel_mask=0.0)
    quiet, loud = spec.transform(noise), spec.transform(2 * noise)
    shifts = []
    for seed in range(30):
        shift = spec.augment(quiet, torch.Generator().manual_seed(seed)) - quiet
        assert shift.std() < 1e-5
        shifts.append(float(shift.mean()))
    largest = float((loud - quiet).mean())
    assert -largest - 1e-4 <= min(shifts) < -0.7 * largest
    assert 0.7 * largest < max(shifts) <= largest + 1e-4


def test_masks_and_shift_stay_within_their_options():
    spec = Audio(gain_db=0.0, shift=0.0, time_mask=0.2, mel_mask=0.0)
    mel = torch.rand(1, 64, 100) + 1
    lengths = []
    for seed in range(40):
        hidden = (spec.augment(mel, torch.Generator().manual_seed(seed)) == 0)[0]
        assert (hidden.all(0) | ~hidden.any(0)).all()  # whole columns
        lengths.append(int(hidden.all(0).sum()))
    assert 10 < max(lengths) <= 20
    shifted = Audio(gain_db=0.0, shift=0.1, time_mask=0.0, mel_mask=0.0)
    results = [shifted.augment(mel, torch.Generator().manual_seed(seed)) for seed in range(40)]
    rolls = {roll for roll in range(-50, 50) if any(torch.equal(mel.roll(roll, -1), result) for result in results)}
    assert sum(any(torch.equal(mel.roll(roll, -1), result) for roll in rolls) for result in results) == 40
    assert rolls <= set(range(-10, 11))
    assert len(rolls) > 5


def test_impossible_options_are_refused():
    for options in ({"mono": "left"}, {"length": "stretch"}, {"rate_hz": 0}, {"seconds": 0.001}, {"shift": 1.5}):
        with pytest.raises(BinderError, match=f"option {next(iter(options))} of audio"):
            create_modality("audio", **options)


@pytest.mark.shared_data
def test_real_sounds_open(shared_data):
    spec = Audio(resample=True, seconds=5.0)
    files = sorted([*(shared_data / "assets").rglob("*.wav"), *(shared_data / "assets").rglob("*.flac")])
    assert len(files) == 12
    means = []
    for path in files:
        sample = spec.load(path)
        assert 0.1 < np.abs(sample).max() <= 1.1
        means.append(float(spec.transform(sample).mean()))
    assert -2 < min(means) < max(means) < 2  # the constants fit real recordings
    with pytest.raises(SampleError, match=r"(?s)44100 Hz.*16000 Hz"):
        Audio().load(shared_data / "assets" / "imagebind" / "dog_audio.wav")

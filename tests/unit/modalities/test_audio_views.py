"""What is seen of a long sound: clips whose features are averaged, all of it, or no more than is needed."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import soundfile
import torch

from binder.check import check_modality
from binder.errors import SampleError
from binder.towers import build_tower
from modalities.audio import Audio
from modalities.audio.windows import covering, needed, thirds, uniform

RATE = 16_000


def noise(seconds: float, *, rate: int = RATE, seed: int = 0, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), channels)).astype(np.float32)


def wav(array: np.ndarray, rate: int, form: str = "WAV") -> bytes:
    stream = BytesIO()
    soundfile.write(stream, array, rate, format=form, subtype="FLOAT" if form == "WAV" else None)
    return stream.getvalue()


def test_clips_are_evenly_spread_from_the_start_to_the_end():
    assert uniform(100, 20, 3) == [(0, 20), (40, 60), (80, 100)]
    assert uniform(100, 20, 1) == [(40, 60)]
    assert uniform(15, 20, 3) == [(0, 15)] * 3


@pytest.mark.parametrize("length", [1, 19, 20, 21, 40, 41, 100, 1001])
def test_covering_windows_leave_nothing_out(length):
    spans = covering(length, 20)
    assert set().union(*(range(*span) for span in spans)) == set(range(length))
    assert len(spans) == -(-length // 20)


@pytest.mark.parametrize("length", [1, 59, 60, 61, 100, 997])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_what_was_read_holds_the_same_clips_as_the_whole(length, count):
    whole = np.arange(length)
    parts = np.concatenate([whole[slice(*span)] for span in needed(length, 20, count)])
    for ours, theirs in zip(uniform(len(parts), 20, count), uniform(length, 20, count), strict=True):
        np.testing.assert_array_equal(parts[slice(*ours)], whole[slice(*theirs)])


@pytest.mark.parametrize("places", range(1, 30))
def test_thirds_start_where_numpy_splits(places):
    parts = [part.tolist() for part in np.array_split(np.arange(places), 3)]
    assert [start for start, _ in thirds(places + 9, 10)] == [part[0] if part else 0 for part in parts]


@pytest.mark.parametrize("view", ["clips", "whole"])
def test_features_are_the_mean_over_the_clips(view):
    spec = Audio(seconds=0.5, view_policy=view, num_clips=4)
    sounds = [noise(seconds, seed=seed) for seed, seconds in enumerate((0.1, 0.5, 1.3, 5.0))]
    torch.manual_seed(0)
    encoder = spec.encoder(channels=(8, 16)).eval()
    with torch.no_grad():
        together = encoder(spec.collate([spec.transform(one) for one in sounds]))
        for one, features in zip(sounds, together, strict=True):
            count = 4 if view == "clips" else -(-len(one) // 8000)
            starts = [round((max(len(one) - 8000, 0)) * clip // max(count - 1, 1)) for clip in range(count)]
            plain = Audio(seconds=0.5)
            clips = [encoder.encoder(plain.transform(one[start : start + 8000])[None])[0] for start in starts]
            torch.testing.assert_close(features, sum(clips) / count, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("view", ["clips", "whole"])
def test_views_keep_every_promise_of_a_modality(view):
    spec = Audio(seconds=0.3, view_policy=view)
    assert [line for line in check_modality(spec) if not line.passed] == []


def test_gradients_are_those_of_sounds_alone():
    spec = Audio(seconds=0.2, view_policy="whole")
    mels = [spec.transform(noise(seconds)) for seconds in (0.1, 0.9)]
    tower = build_tower(spec, 4, encoder={"channels": [8, 8]})
    weights = torch.randn(2, 4, generator=torch.Generator().manual_seed(1))
    (tower(spec.collate(mels)) * weights).sum().backward()
    together = [parameter.grad.clone() for parameter in tower.parameters()]
    tower.zero_grad()
    for mel, weight in zip(mels, weights, strict=True):
        (tower(spec.collate([mel])) * weight).sum().backward()
    for ours, parameter in zip(together, tower.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("view", ["clip", "clips", "whole"])
def test_reading_parts_gives_what_resampling_the_whole_gives(rate, view, monkeypatch, tmp_path):
    monkeypatch.setattr("modalities.audio.decode.BLOCK_SECONDS", 1)
    array = noise(7.77, rate=rate, channels=2)
    spec = Audio(seconds=1.5, view_policy=view, resample=True)
    in_memory = spec.load({"array": array, "sampling_rate": rate})
    path = tmp_path / "sound.wav"
    path.write_bytes(wav(array, rate))
    for source in (path, path.read_bytes(), {"path": str(path), "bytes": None}):
        from_file = spec.load(source)
        assert from_file.shape == in_memory.shape
        np.testing.assert_allclose(from_file, in_memory, atol=2e-6)


@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3"])
def test_parts_of_compressed_files_are_found_where_they_are(form):
    array = noise(20.0) * np.linspace(0.1, 1, 20 * RATE)[:, None].astype(np.float32)
    data = wav(array, RATE, form)
    whole = Audio(seconds=20.0).load(data)
    np.testing.assert_allclose(Audio(seconds=2.0).load(data), whole[9 * RATE : 11 * RATE], atol=1e-3)


def test_rates_without_a_common_divisor_are_refused_before_they_take_gigabytes():
    with pytest.raises(SampleError, match=r"(?s)without a common divisor.*44101 Hz"):
        Audio(resample=True).load(wav(noise(0.5, rate=44_101), 44_101))


def test_a_file_without_sound_is_refused():
    with pytest.raises(SampleError, match="empty"):
        Audio().load(wav(np.zeros((0, 1), np.float32), RATE))


HOUR = """
import resource, sys, time
from modalities.audio import Audio
spec = Audio(**eval(sys.argv[2]))
spec.transform(spec.load(spec.synthetic(0)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tensor = spec.transform(spec.load(sys.argv[1]))
print(tuple(tensor.shape), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "megabytes"),
    [
        ({"seconds": 10.0}, 60),
        ({"front_end": "imagebind"}, 60),
        ({"front_end": "languagebind"}, 700),
        ({"seconds": 10.0, "view_policy": "whole"}, 700),
        ({"front_end": "clap_fused"}, 1400),
    ],
)
def test_an_hour_takes_no_gigabytes(options, megabytes, tmp_path, root):
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", samplerate=44_100, channels=2) as file:
        for minute in range(60):
            file.write(np.repeat(noise(60.0, rate=44_100, seed=minute), 2, axis=1))
    command = [sys.executable, "-c", HOUR, str(path), repr({"resample": True, **options})]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert int(done.stdout.split()[-1]) < megabytes


def test_silence_and_clipping_are_noted_and_nothing_else():
    spec = Audio()
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[:, None].astype(np.float32)
    assert spec.notes(0.5 * tone) == []
    assert spec.notes(tone) == []  # touches full scale, as a normalised file does
    assert spec.notes(np.zeros((RATE, 1), np.float32))[0].startswith("silent")
    low = np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)[:, None].astype(np.float32)
    assert spec.notes(low) == []  # many neighbours near full scale, but no three are equal
    for cut in ((3 * tone).clip(-1, 1), 1.1 * tone):
        (note,) = spec.notes(cut)
        assert note.startswith("clipped: ")
        assert 1 < float(note.split()[1].rstrip("%")) < 80

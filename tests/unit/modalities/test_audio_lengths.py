"""With `length: any` sounds keep their lengths, and padding in a batch changes no vector."""

import io

import numpy as np
import pytest
import soundfile
import torch

from binder.check import check_modality
from binder.errors import SampleError
from binder.towers import build_tower
from modalities.audio import Audio

ANY = Audio(length="any", seconds=4.0)
SECONDS = (0.01, 0.2, 1.0, 1.37, 4.0, 6.0)


def _sound(seconds: float, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.uniform(-0.5, 0.5, (round(seconds * ANY.rate_hz), 1)).astype(np.float32)


def _mels() -> list[torch.Tensor]:
    return [ANY.transform(_sound(seconds, seed)) for seed, seconds in enumerate(SECONDS)]


def test_a_picture_is_as_long_as_its_sound_up_to_the_limit():
    assert [mel.shape[-1] for mel in _mels()] == [4, 21, 101, 138, 401, 401]  # 10 ms per frame, and the last edge
    short = _sound(0.5)
    same = Audio(seconds=0.5).transform(short)
    assert torch.equal(ANY.transform(short), same)
    assert torch.equal(ANY.transform(_sound(6.0)), Audio(seconds=4.0).transform(_sound(6.0)))


def test_a_padded_sound_gets_the_features_that_the_plain_network_gives_it_alone():
    torch.manual_seed(0)
    encoder = ANY.encoder().eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # norms with weights of their own
    with torch.no_grad():
        together = encoder(ANY.collate(_mels()))
        for mel, features in zip(_mels(), together, strict=True):
            torch.testing.assert_close(features, encoder.image(mel[None])[0], atol=1e-5, rtol=1e-5)


def test_the_padding_itself_is_never_read():
    tower = build_tower(ANY, 16).eval()
    batch = ANY.collate(_mels())
    dirty = {**batch, "mel": batch["mel"].clone()}
    for mel, frames in zip(dirty["mel"], batch["frames"].tolist(), strict=True):
        mel[..., frames:] = 1e3
    assert torch.equal(tower(batch), tower(dirty))


def test_gradients_are_those_of_sounds_alone():
    tower = build_tower(ANY, 16)
    weights = torch.randn(len(SECONDS), 16, generator=torch.Generator().manual_seed(1))
    (tower(ANY.collate(_mels())) * weights).sum().backward()
    together = [parameter.grad.clone() for parameter in tower.parameters()]
    tower.zero_grad()
    for mel, weight in zip(_mels(), weights, strict=True):
        (tower(ANY.collate([mel])) * weight).sum().backward()
    for ours, parameter in zip(together, tower.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, atol=1e-5, rtol=1e-4)


def test_lengths_come_from_headers(tmp_path):
    spec = Audio(length="any", seconds=4.0, resample=True)
    path, stream = tmp_path / "a.wav", io.BytesIO()
    for target, rate in ((path, 16_000), (stream, 8_000)):
        soundfile.write(target, np.zeros(12_000), rate, format="WAV")
    sources = [path, stream.getvalue(), {"bytes": None, "path": str(path)}, np.zeros((500, 1), np.float32)]
    sources += [{"array": np.zeros(100), "sampling_rate": 8_000}, np.zeros((99_000, 1), np.float32)]
    expected = [12_000, 24_000, 12_000, 500, 200, 64_000]
    assert [spec.length_of(source) for source in sources] == expected
    assert [min(len(spec.load(source)), 64_000) for source in sources[:5]] == expected[:5]
    with pytest.raises(SampleError, match="no sound header"):
        spec.length_of(b"nothing of the kind")


def test_it_keeps_every_promise_of_a_modality():
    assert [line for line in check_modality(ANY) if not line.passed] == []
    assert ANY.contract.length.kind == "any" and ANY.contract.length.length is None

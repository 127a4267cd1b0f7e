"""Sensors against closed forms, and against `VISIBLE`: they carry what it lists and not what it omits."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from binder.playground import VISIBLE, Scene
from binder.playground.audio import RINGS, SIZE_EXPONENT, render_audio
from binder.playground.depth import render_depth
from binder.playground.geometry import exposure_times, pose
from binder.playground.imu import render_imu
from binder.playground.latents import MATERIALS, MOTIONS, OBJECTS, draw_scene
from binder.playground.thermal import render_thermal

TRAIN, TEST = 600, 250


def scene_of(**changes) -> Scene:
    scene = draw_scene("ball", "steel", changes.get("motion", "still"), np.random.default_rng(0))
    return replace(scene, **changes)


def test_imu_at_rest_reads_gravity_upwards():
    samples = render_imu(scene_of(), np.random.default_rng(1))
    assert samples.shape == (400, 6)
    assert abs(np.linalg.norm(samples[:, :3].mean(0)) - 9.80665) < 0.5  # its bias
    assert samples[:, 1].mean() > 9
    assert np.abs(samples[:, 3:]).max() < 0.2


def test_imu_of_a_loop_reads_centripetal_acceleration():
    scene = scene_of(motion="loop", rate_hz=3.0, amplitude_m=0.25)
    samples = render_imu(scene, np.random.default_rng(1))
    swing = (samples[:, 0].max() - samples[:, 0].min()) / 2
    assert swing == pytest.approx(0.25 * (2 * np.pi * 3) ** 2, rel=0.05)


def test_imu_of_a_spin_reads_the_rate_and_a_turning_gravity():
    samples = render_imu(scene_of(motion="spin", rate_hz=1.0, direction=1), np.random.default_rng(1))
    assert samples[:, 5].mean() == pytest.approx(2 * np.pi, rel=0.05)
    assert samples[:, 0].max() > 8 and samples[:, 0].min() < -8


def test_depth_measures_the_distance_of_the_surface():
    scene = scene_of(distance_m=1.6, size_m=0.36, lateral_m=0.0)
    metres = render_depth(scene, np.random.default_rng(1)).astype(float) / 1000
    expected = 1.6 - 0.36 * np.sqrt(0.6)  # the relief's summit
    middle = metres[34:39, 30:35]
    assert np.median(middle) == pytest.approx(expected, rel=0.01)


def test_thermal_reads_between_the_radiation_laws_of_its_emissivities():
    scene = scene_of(temperature_k=550.0, temperature_bin="hot")
    kelvin = render_thermal(scene, np.random.default_rng(1)) / 100
    lowest, highest = ((e * 550**4 + (1 - e) * t**4) ** 0.25 for e, t in ((0.80, 287), (0.97, 301)))
    assert lowest - 3 < np.median(np.sort(kelvin.ravel())[-60:]) < highest + 3
    assert 285 < np.median(kelvin) < 303


@pytest.mark.parametrize("size_m", [0.17, 0.26, 0.38])
def test_audio_rings_at_the_pitch_of_its_size(size_m):
    sound = render_audio(scene_of(material="steel", size_m=size_m), np.random.default_rng(1))
    spectrum = np.abs(np.fft.rfft(sound))[: int(1.8 * RINGS["steel"].pitch_hz * (size_m / 0.26) ** SIZE_EXPONENT)]
    assert spectrum.argmax() == pytest.approx(RINGS["steel"].pitch_hz * (size_m / 0.26) ** SIZE_EXPONENT, rel=0.02)


@pytest.mark.parametrize("motion", [name for name in MOTIONS if name != "still"])
def test_a_faster_motion_leaves_a_longer_trail(motion):
    lengths = []
    for rate in (1.2, 3.0):
        scene = scene_of(motion=motion, rate_hz=rate, phase=0.15 if motion != "bounce" else 0.8)
        place = pose(scene, exposure_times(50))
        length = 0.0
        for side in (-1, 1):  # the paths of the lamp and of the foot: about a pivot, one of them may rest
            right = place.right - side * scene.size_m * np.sin(place.angle)
            up = place.up + side * scene.size_m * np.cos(place.angle)
            length += np.hypot(np.diff(right), np.diff(up)).sum()
        lengths.append(length)
    assert lengths[1] > 1.4 * lengths[0] > 0.05


def spectrogram(sound: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(sound, 512)[::160] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames))[:, 2:] ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], 25).astype(int))
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-3)
    rhythm = np.abs(np.fft.rfft(bands - bands.mean(0), axis=0))[1:24]
    return np.concatenate([bands.mean(0), bands.std(0), np.sort(bands, 0)[[5, -5]].ravel(), np.log1p(rhythm).ravel()])


def motion_spectrum(samples: np.ndarray) -> np.ndarray:
    spectrum = np.abs(np.fft.rfft(samples - samples.mean(0), axis=0))[1:50]
    return np.concatenate([samples.mean(0), samples.std(0), np.log1p(spectrum).ravel()])


def framed(mask: np.ndarray) -> np.ndarray:
    """The outline that a mask encloses, as 12 x 12 cells: what is left when size and place are taken away."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return np.zeros(144)
    pick_rows = np.linspace(rows[0], rows[-1], 12).round().astype(int)
    pick_columns = np.linspace(columns[0], columns[-1], 12).round().astype(int)
    return 3.0 * mask[np.ix_(pick_rows, pick_columns)].ravel()


def cells(values: np.ndarray) -> np.ndarray:
    """Means of 8 x 8 pixels, in units of their spread."""
    means = values.reshape(8, 8, 8, 8).mean((1, 3)).ravel()
    return means / values.std()


def depth_features(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    metres = render_depth(scene, rng) / 1000
    step = np.median(metres, axis=1, keepdims=True) - metres
    body = (step > 0.25) & (metres > 0)
    nearest = np.quantile(metres[body], [0.05, 0.5]) if body.any() else np.zeros(2)
    return np.concatenate(
        [cells(step), framed(body), 5 * nearest, [body.sum() / 50, body.any(0).sum(), body.any(1).sum()]]
    )


def thermal_features(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    kelvin = render_thermal(scene, rng) / 100
    contrast = np.clip(kelvin - np.median(kelvin), -60, 60)
    strength = np.abs(contrast) / np.abs(contrast).max()
    body, wake = strength > 0.7, strength > 0.15
    sizes = [
        contrast.min() / 5,
        contrast.max() / 5,
        5 * wake.sum() / body.sum(),
        *np.ptp(np.argwhere(wake), axis=0) / 4,
    ]
    return np.concatenate([cells(contrast), framed(body), sizes])


FEATURES = {
    "depth": depth_features,
    "thermal": thermal_features,
    "audio": lambda scene, rng: spectrogram(render_audio(scene, rng)),
    "imu": lambda scene, rng: motion_spectrum(render_imu(scene, rng)),
}  # what the image carries, its hub is asked: test_hub.py


@pytest.fixture(scope="module")
def drawn_scenes() -> list[Scene]:
    """Every combination equally likely, so that no attribute tells about another."""
    rng = np.random.default_rng(11)
    return [draw_scene(*map(rng.choice, (OBJECTS, MATERIALS, MOTIONS)), rng) for _ in range(TRAIN + TEST)]


RENDERERS = {"depth": render_depth, "thermal": render_thermal, "audio": render_audio, "imu": render_imu}
CHANGES = {
    "object": {"object": "star"},
    "material": {"material": "wood"},
    "size_bin": {"size_bin": "large", "size_m": 0.36},
    "distance_bin": {"distance_bin": "far", "distance_m": 2.8},
    "temperature_bin": {"temperature_bin": "hot", "temperature_k": 560.0},
    "motion": {"motion": "spin"},
    "speed_bin": {"speed_bin": "fast", "rate_hz": 3.0},
}


@pytest.mark.parametrize("motion", ["slide", "bounce", "swing", "loop", "rock"])
@pytest.mark.parametrize("sensor", RENDERERS)
def test_a_sensor_answers_exactly_to_the_latents_that_visible_lists(sensor, motion):
    """With the same chance, another value of an unlisted latent gives the same recording; of a listed one, another."""
    scene = scene_of(
        motion=motion, speed_bin="slow", rate_hz=1.2, phase=0.15, size_m=0.18, size_bin="small", distance_m=1.6,
        distance_bin="near", temperature_k=330.0, temperature_bin="warm",
    )  # fmt: skip
    before = RENDERERS[sensor](scene, np.random.default_rng(1)).astype(float)
    assert tuple(CHANGES) == VISIBLE["image"]
    for name, change in CHANGES.items():
        after = RENDERERS[sensor](replace(scene, **change), np.random.default_rng(1)).astype(float)
        same = np.allclose(before, after, rtol=1e-6, atol=1.0 if sensor == "thermal" else 1e-6)  # 1: rounding, 0.01 K
        assert same != (name in VISIBLE[sensor]), (sensor, name)


@pytest.mark.parametrize("sensor", FEATURES)
def test_sensors_carry_what_visible_lists(sensor, drawn_scenes):
    features = np.stack(
        [FEATURES[sensor](scene, np.random.default_rng([2, number])) for number, scene in enumerate(drawn_scenes)]
    )
    assert len(VISIBLE[sensor]) >= 2
    for name in VISIBLE[sensor]:
        truth = np.array([getattr(scene, name) for scene in drawn_scenes])
        probe = make_pipeline(StandardScaler(), SVC(C=10)).fit(features[:TRAIN], truth[:TRAIN])
        score = probe.score(features[TRAIN:], truth[TRAIN:])
        chance = max((truth == value).mean() for value in np.unique(truth))
        noise = np.sqrt(chance * (1 - chance) / TEST)
        assert score > chance + 4 * noise, (sensor, name, score, chance)

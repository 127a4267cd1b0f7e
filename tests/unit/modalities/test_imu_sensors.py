"""`imu`: units and channels by name, band-limited rates, gravity, windows, and the 24 ways to turn a cube."""

import io
import math

import numpy as np
import pytest
import torch

from binder.errors import ConfigError, SampleError
from modalities.imu import Imu
from modalities.imu.augment import CUBE

G = 9.80665
STILL = {"rotation_degrees": 0.0, "scale_jitter": 0.0, "noise": 0.0}


@pytest.fixture
def recording():
    return Imu().synthetic(3)


def fields(samples, **others):
    return {"samples": samples, "rate_hz": 200, **others}


@pytest.mark.parametrize(("unit", "per"), [("m/s^2", 1.0), ("g", G), ("mg", G / 1000)])
@pytest.mark.parametrize(("turn", "radians"), [("rad/s", 1.0), ("deg/s", math.pi / 180)])
def test_units_are_converted_whether_the_option_or_the_file_names_them(recording, unit, per, turn, radians):
    stored = recording / np.repeat([per, radians], 3)
    declared = Imu(accel_unit=unit, gyro_unit=turn)
    np.testing.assert_allclose(declared.load(stored), recording, rtol=1e-5, atol=1e-6)
    stream = io.BytesIO()
    np.savez(stream, **fields(stored, accel_unit=unit, gyro_unit=turn))
    np.testing.assert_allclose(Imu().load(stream.getvalue()), recording, rtol=1e-5, atol=1e-6)
    # the file knows better than the option
    np.testing.assert_allclose(Imu(accel_unit="mg").load(fields(recording, accel_unit="m/s^2")), recording, rtol=1e-6)
    np.testing.assert_allclose(declared.load(declared.synthetic(3)), recording, rtol=1e-5, atol=1e-6)


def test_an_unknown_unit_of_a_file_is_refused(recording):
    with pytest.raises(SampleError, match=r"(?s)unknown accel_unit.*'ft/s'.*m/s\^2, g, mg"):
        Imu().load(fields(recording, accel_unit="ft/s"))


def test_channels_are_picked_and_ordered_by_name(recording):
    names = [*Imu().channels, "mag_x"]
    shuffled = np.random.default_rng(0).permutation(7)
    stored = np.column_stack([recording, np.full(len(recording), 40.0)])[:, shuffled]
    source = fields(stored, channels=np.array(names)[shuffled])
    np.testing.assert_array_equal(Imu().load(source), recording)
    np.testing.assert_array_equal(Imu(sensors=["gyro", "accel"]).load(source), recording[:, [3, 4, 5, 0, 1, 2]])
    np.testing.assert_array_equal(Imu(sensors=["accel"]).load(source), recording[:, :3])
    with pytest.raises(SampleError, match=r"(?s)missing channel.*accel_x.*gyro_z"):
        Imu().load(fields(stored[:, :6], channels=["a", *names[1:6]]))
    with pytest.raises(SampleError, match=r"(?s)missing channel.*\(400, 7\)"):
        Imu().load(fields(stored, channels=names[:6]))


@pytest.mark.parametrize("sensors", [["accel"], ["gyro"], ["gyro", "accel"]])
def test_one_sensor_or_two_in_any_order_go_all_the_way(sensors):
    spec = Imu(sensors=sensors, windows=2, octahedral=True)
    sample = spec.load(spec.synthetic(0))
    tensor = spec.augment(spec.transform(sample), torch.Generator().manual_seed(0))
    encoder = spec.encoder(channels=(16,))
    assert sample.shape == (400, 3 * len(sensors)) and spec.contract.channels == spec.channels
    assert encoder(spec.collate([tensor, tensor])).shape == (2, encoder.width)
    assert [name.split()[0] for name in spec.show(sample).channels[::3]] == sensors


@pytest.mark.parametrize(
    "options",
    [
        {"sensors": []},
        {"sensors": ["accel", "accel"]},
        {"sensors": ["mag"]},
        {"accel_unit": "ft/s^2"},
        {"gravity": "drop"},
        {"windows": 0},
        {"windows": 2, "length_policy": "stretch"},
        {"sensors": ["gyro"], "gravity": "remove"},
        {"rate_hz": 0.5},
    ],
)
def test_impossible_options_are_config_errors(options):
    with pytest.raises(ConfigError):
        Imu(**options)


@pytest.mark.parametrize("rate", [0.0, -5.0, math.nan, math.inf, 1e-9, 1e12])
def test_rates_that_make_no_sense_are_refused(recording, rate):
    with pytest.raises(SampleError, match="no sensible sample rate"):
        Imu(resample=True).load(fields(recording) | {"rate_hz": rate})


def test_resampling_lets_no_fast_movement_fold_into_a_slow_one():
    """80 Hz at 200 Hz would come out as 20 Hz at 100 Hz, if every second sample were taken."""
    time = np.arange(2000) / 200
    samples = np.zeros((2000, 6), np.float32)
    samples[:, 0] = 10 * np.sin(2 * np.pi * 80 * time)
    samples[:, 1] = 10 * np.sin(2 * np.pi * 20 * time)
    sample = Imu(rate_hz=100.0, resample=True).load(fields(samples))[100:-100]
    expected = 10 * np.sin(2 * np.pi * 20 * np.arange(1000) / 100)[100:-100]
    assert np.abs(sample[:, 0]).max() < 0.05
    np.testing.assert_allclose(sample[:, 1], expected, atol=0.05)


def test_gravity_is_taken_out_and_movement_stays():
    """A resting sensor reads zero; a sine far above the corner keeps its amplitude; the gyroscope is left alone."""
    time = np.arange(4000) / 200
    samples = np.zeros((4000, 6), np.float32)
    samples[:, 1] = G
    samples[:, 0] = 2 * np.sin(2 * np.pi * 3 * time)
    samples[:, 4] = 1.0
    tensor = Imu(gravity="remove", length=4000).transform(samples)
    assert tensor[1].abs().max() < 1e-4
    middle = slice(700, -700)  # the ends, a period of the corner each, are mirrored
    np.testing.assert_allclose(tensor[0, middle] * G, samples[middle, 0], atol=0.005)
    np.testing.assert_allclose(tensor[4] * 3, 1.0, rtol=1e-6)
    kept = Imu(length=4000).transform(samples)
    np.testing.assert_allclose(kept[1], 1.0, rtol=1e-6)
    short = Imu(gravity="remove", length=8).transform(samples[:3])
    assert torch.isfinite(short).all()


def test_gravity_is_halved_twice_at_the_corner():
    """A Butterworth low-pass has half power at its corner; run both ways it lets half the amplitude through."""
    time = np.arange(60_000) / 200
    samples = np.zeros((60_000, 3), np.float32)
    samples[:, 0] = np.sin(2 * np.pi * 0.3 * time)
    moving = Imu(sensors=["accel"], gravity="remove", length=60_000).transform(samples)[0] * G
    assert moving[20_000:40_000].abs().max().item() == pytest.approx(0.5, abs=0.01)


def test_windows_reach_from_the_start_to_the_end(recording):
    spec = Imu(length=100, windows=4)
    tensor = spec.transform(recording)
    assert tensor.shape == (4, 7, 100)
    for window, start in zip(tensor, (0, 100, 200, 300), strict=True):
        np.testing.assert_allclose(window[:3] * G, recording[start : start + 100, :3].T, rtol=1e-5)
    short = spec.transform(recording[:60])
    assert short[:, 6].sum(dim=-1).tolist() == [60.0] * 4


def test_features_are_the_mean_over_windows(recording):
    torch.manual_seed(0)
    several = Imu(length=100, windows=4).encoder(channels=(16,)).eval()
    tensor = Imu(length=100, windows=4).transform(recording)
    with torch.no_grad():
        expected = torch.stack([several.encoder(window[None])[0] for window in tensor]).mean(0)
        torch.testing.assert_close(several(tensor[None])[0], expected, atol=1e-6, rtol=1e-5)


def test_the_24_rotations_of_a_cube_are_a_group_of_rotations():
    flat = {tuple(matrix.flatten().int().tolist()) for matrix in CUBE}
    assert len(CUBE) == len(flat) == 24
    assert tuple(torch.eye(3).flatten().int().tolist()) in flat
    for first in CUBE:
        assert torch.linalg.det(first).item() == pytest.approx(1)
        assert torch.equal(first @ first.T, torch.eye(3))
        assert {tuple((first @ second).flatten().int().tolist()) for second in CUBE} == flat


def test_octahedral_augmentation_turns_both_sensors_alike_and_keeps_lengths(recording):
    spec = Imu(octahedral=True, **STILL)
    tensor = spec.transform(recording)
    met = set()
    for seed in range(200):
        turned = spec.augment(tensor, torch.Generator().manual_seed(seed))
        matches = [
            number
            for number, turn in enumerate(CUBE)
            if torch.allclose(turned[:3], turn @ tensor[:3], atol=1e-5)
            and torch.allclose(turned[3:6], turn @ tensor[3:6], atol=1e-5)
        ]
        assert len(matches) == 1
        met.update(matches)
        for rows in (slice(0, 3), slice(3, 6)):
            torch.testing.assert_close(turned[rows].norm(dim=0), tensor[rows].norm(dim=0), atol=1e-5, rtol=0)
    assert met == set(range(24))  # 200 draws miss a given one with chance 2e-4


@pytest.mark.shared_data
def test_real_recordings_of_utd_mhad_open_with_their_own_units(shared_data):
    from scipy.io import loadmat

    files = sorted((shared_data / "utd_mhad" / "Inertial").glob("a1_s1_t*.mat"))
    assert len(files) == 4
    for path in files:
        stored = loadmat(path)["d_iner"]  # g and degrees per second at 50 Hz (its SOURCE.md)
        spec = Imu(rate_hz=50.0, accel_unit="g", gyro_unit="deg/s", resample=True)
        sample = spec.load({"samples": stored, "rate_hz": 50})
        np.testing.assert_allclose(sample, stored * np.repeat([G, math.pi / 180], 3), rtol=1e-5, atol=1e-6)
        resting = np.linalg.norm(sample[:5, :3], axis=1).mean()
        assert 0.8 * G < resting < 1.3 * G

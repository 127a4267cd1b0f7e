"""`imu`: every format gives the same sample; another rate, unit or a gap is refused, never repaired."""

import io

import numpy as np
import pytest
import torch

from binder.errors import SampleError
from modalities.imu import Imu
from modalities.imu.read import STANDARD_GRAVITY, TIME

COLUMNS = (TIME, *Imu().channels)
GYRO_UNIT = 3.0  # rad/s, of the README


@pytest.fixture
def recording():
    return Imu().synthetic(3)


def as_csv(samples, rate_hz=200.0, columns=COLUMNS, start=0.0):
    time = start + np.arange(len(samples)) / rate_hz
    table = np.column_stack([time, samples])
    lines = [",".join(columns), *(",".join(f"{value:.7f}" for value in row) for row in table)]
    return ("\n".join(lines) + "\n").encode()


def as_npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def as_npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_every_format_gives_the_same_sample(tmp_path, recording):
    sources = {
        "csv": as_csv(recording),
        "late csv": as_csv(recording, start=1000.0),
        "npz": as_npz(samples=recording, rate_hz=200.0),
        "npy": as_npy(recording),
        "array": recording,
        "float64": recording.astype(np.float64),
        "dict": {"samples": recording, "rate_hz": 200},
    }
    for name in ("csv", "npz", "npy"):
        (tmp_path / f"a.{name}").write_bytes(sources[name])
        sources[f"{name} path"] = tmp_path / f"a.{name}"
        sources[f"{name} text path"] = str(tmp_path / f"a.{name}")
    assert len(sources) == 13
    for name, source in sources.items():
        sample = Imu().load(source)
        assert sample.dtype == np.float32 and sample.shape == (400, 6), name
        np.testing.assert_allclose(sample, recording, atol=1e-6, err_msg=name)


def test_csv_columns_may_come_in_any_order_and_beside_others(recording):
    shuffled = np.column_stack([recording[:, ::-1], np.full(len(recording), 20.0)])
    content = as_csv(shuffled, columns=("time_s", *COLUMNS[:0:-1], "temperature"))
    np.testing.assert_allclose(Imu().load(content), recording, atol=1e-6)


@pytest.mark.parametrize("as_file", [as_csv, lambda x, rate_hz: as_npz(samples=x, rate_hz=rate_hz)])
def test_another_rate_is_refused_with_both_rates_and_the_fix(recording, as_file):
    with pytest.raises(SampleError, match=r"(?s)wrong sample rate.*50 Hz.*200 Hz.*rate_hz: 50.*resample: true"):
        Imu().load(as_file(recording, rate_hz=50.0))


def test_resampling_on_request_keeps_a_slow_sine():
    time = np.arange(100) / 50.0
    sine = np.zeros((100, 6), np.float32)
    sine[:, 1] = 3 * np.sin(2 * np.pi * 1.0 * time) + 9.8
    sample = Imu(resample=True).load({"samples": sine, "rate_hz": 50})
    assert sample.shape == (400, 6)
    expected = 3 * np.sin(2 * np.pi * np.arange(400) / 200.0) + 9.8
    # closed form; at the ends the filter sees a straight line go on, not silence
    np.testing.assert_allclose(sample[:397, 1], expected[:397], atol=0.1)


def test_rate_is_inferred_from_stamps_rounded_to_milliseconds(recording):
    rate_hz = 90.0
    lines = [",".join(COLUMNS)] + [
        f"{i / rate_hz:.3f}," + ",".join(map(str, row)) for i, row in enumerate(recording.tolist())
    ]
    assert len(Imu(rate_hz=90.0).load("\n".join(lines).encode())) == 400


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:100] + rows[103:], "gap or repeated stamp.*between rows 99 and 100"),
        (lambda rows: rows[:100] + rows[99:], "gap or repeated stamp"),
        (lambda rows: rows[::-1], "does not increase"),
        (lambda rows: rows[:1], "one row"),
        (lambda rows: [], "empty recording"),
        (lambda rows: [rows[0].replace("0.0", "x", 1), *rows[1:]], "not a readable IMU"),
        (lambda rows: [*rows[:5], rows[5].rsplit(",", 1)[0], *rows[6:]], "not a readable IMU"),
    ],
)
def test_broken_csv_is_refused(recording, spoil, message):
    header, *rows = as_csv(recording).decode().splitlines()
    with pytest.raises(SampleError, match=f"(?s){message}"):
        Imu().load("\n".join([header, *spoil(rows)]).encode())


def test_missing_column_is_named(recording):
    content = as_csv(recording, columns=(*COLUMNS[:-1], "gyro_zz"))
    with pytest.raises(SampleError, match=r"(?s)missing column.*gyro_zz"):
        Imu().load(content)


@pytest.mark.parametrize("column", [0, 5])
def test_values_outside_a_triads_range_hint_at_the_unit(recording, column):
    recording[7, column] = 170.0
    what, limit = (("acceleration", "160 m/s"), ("angular velocity", "36 rad/s"))[column // 3]
    with pytest.raises(SampleError, match=f"(?s){what} out of range.*170.*{limit}.*set the option"):
        Imu().load(recording)


def test_nan_in_a_csv_or_array_is_counted(recording):
    recording[5:7, 2] = np.nan
    for source in (recording, as_csv(recording)):
        with pytest.raises(SampleError, match="2 of 2400 values are NaN"):
            Imu().load(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((400, 5), np.float32), "wrong number of channels"),
        (np.zeros((0, 6), np.float32), "empty or too short"),
        (np.zeros((400, 6, 1), np.float32), "wrong number of axes"),
        (np.full((400, 6), "a"), "not numeric"),
        ({"samples": np.zeros((4, 6))}, "missing array"),
    ],
)
def test_wrong_arrays_are_refused(source, message):
    with pytest.raises(SampleError, match=message):
        Imu().load(source)


def test_truncated_and_foreign_files_are_refused(tmp_path, recording):
    contents = [
        as_npz(samples=recording, rate_hz=200.0)[:500],
        as_npy(recording)[:500],
        b"\x89PNG\r\n",
        b"\xff\xfe\x00",
    ]
    for content in contents:
        with pytest.raises(SampleError):
            Imu().load(content)


def test_stretch_keeps_ends_and_scales_to_gravity_and_gyro_units(recording):
    tensor = Imu(length=192, length_policy="stretch").transform(recording)
    assert tensor.shape == (6, 192) and tensor.dtype == torch.float32
    units = np.array([STANDARD_GRAVITY] * 3 + [GYRO_UNIT] * 3)
    np.testing.assert_allclose(tensor[:, 0], recording[0] / units, rtol=1e-5)
    np.testing.assert_allclose(tensor[:, -1], recording[-1] / units, rtol=1e-5)


def test_padding_is_marked_and_cropping_keeps_the_middle(recording):
    spec = Imu(length=300)
    short, long = spec.transform(recording[:250]), spec.transform(recording)
    assert short.shape == long.shape == (7, 300)
    assert short[6].tolist() == [1.0] * 250 + [0.0] * 50
    assert not short[:, 250:].any() and long[6].all()
    np.testing.assert_allclose(long[0], recording[50:350, 0] / STANDARD_GRAVITY, rtol=1e-6)


def test_transform_leaves_the_sample_alone(recording):
    before = recording.copy()
    Imu().transform(recording)
    np.testing.assert_array_equal(recording, before)


@pytest.mark.parametrize("policy", ["stretch", "crop_or_pad"])
def test_augment_is_seeded_pure_and_keeps_padding(recording, policy):
    spec = Imu(length_policy=policy)
    tensor = spec.transform(recording[:300])
    before = tensor.clone()
    first, again, other = (spec.augment(tensor, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == tensor.shape and torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(tensor, before)
    if policy == "crop_or_pad":
        assert torch.equal(first[6], tensor[6]) and not first[:, 300:].any()


def test_augment_turns_without_mirroring(recording):
    """A rotation has determinant 1: the handedness of the three accelerations stays."""
    spec = Imu(
        rotation_degrees=90.0, scale_jitter=0.0, noise=0.0, time_crop=0.0, time_warp=0.0, length_policy="stretch"
    )
    tensor = torch.randn(6, 400, generator=torch.Generator().manual_seed(0))
    for seed in range(20):
        turned = spec.augment(tensor, torch.Generator().manual_seed(seed))
        turn = turned[:3] @ torch.linalg.pinv(tensor[:3])
        assert torch.linalg.det(turn).item() == pytest.approx(1.0, abs=1e-4)
        torch.testing.assert_close(turned[3:], turn @ tensor[3:], atol=1e-4, rtol=1e-4)


def test_show_names_each_curve_with_its_unit(recording):
    traces = Imu().show(recording)
    assert traces.channels == ("accel x", "accel y", "accel z", "gyro x", "gyro y", "gyro z")
    assert traces.units == ("m/s²",) * 3 + ("rad/s",) * 3
    assert traces.rate_hz == 200
    np.testing.assert_array_equal(traces.values, recording)


def test_a_200_hz_csv_reads_fast(recording):
    import time

    content = as_csv(recording)
    Imu().load(content)
    start = time.perf_counter()
    for _ in range(20):
        Imu().load(content)
    assert (time.perf_counter() - start) / 20 < 0.02  # about 1 ms on an idle core

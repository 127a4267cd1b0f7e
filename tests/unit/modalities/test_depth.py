"""`depth`: units are declared, holes are masked and not taken for distance, nothing is mirrored."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from binder.errors import ConfigError, SampleError
from modalities.depth import Depth
from modalities.depth.transform import resize_nearest

STILL = {"shift": 0.0, "scale_jitter": 0.0, "time_crop": 0.0, "time_warp": 0.0}


@pytest.fixture
def map_mm():
    """64 x 64, a slope from 1 to 3 m with a hole in the corner."""
    slope = np.linspace(1000, 3000, 64).round()[None] * np.ones((64, 1))
    slope[:8, :8] = 0
    return slope.astype(np.uint16)


@pytest.fixture
def clip_mm(map_mm):
    return np.stack([map_mm + np.uint16(10) * t * (map_mm > 0) for t in range(12)]).astype(np.uint16)


def as_picture(array, form):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format=form)
    return stream.getvalue()


def as_png(array):
    return as_picture(array, "PNG")


def as_file(save, *args, **kwargs):
    stream = io.BytesIO()
    save(stream, *args, **kwargs)
    return stream.getvalue()


def test_every_format_of_a_still_map_gives_the_same_sample(tmp_path, map_mm):
    metres = map_mm.astype(np.float32) / 1000
    sources = {
        "png": as_png(map_mm),
        "npy": as_file(np.save, map_mm),
        "npz": as_file(np.savez, anything=map_mm),
        "array": map_mm,
        "int32": map_mm.astype(np.int32),
        "metres": metres,
        "metres npy": as_file(np.save, metres),
        "metres tiff": as_picture(metres, "TIFF"),
        "tiff": as_picture(map_mm, "TIFF"),
    }
    (tmp_path / "a.png").write_bytes(sources["png"])
    sources["path"] = tmp_path / "a.png"
    assert len(sources) == 10
    for name, source in sources.items():
        sample = Depth().load(source)
        assert sample.dtype == np.float32 and sample.shape == (1, 64, 64), name
        np.testing.assert_allclose(sample[0], metres, atol=1e-6, err_msg=name)


def test_clips_keep_their_frames(clip_mm):
    for source in (clip_mm, as_file(np.savez_compressed, depth_mm=clip_mm), clip_mm / 1000):
        assert Depth(num_frames=4).load(source).shape == (12, 64, 64)


def test_a_declared_unit_overrules_the_type(map_mm):
    expected = Depth().load(map_mm)
    np.testing.assert_allclose(Depth(unit="mm").load(map_mm.astype(np.float32)), expected)
    np.testing.assert_allclose(Depth(unit="m").load(np.full((8, 8), 2, np.uint8)), 2.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.astype(np.float32), r"out of range.*1000 to 3000 m, read as m from float32.*unit"),
        (lambda x: x // 100, r"out of range.*read as mm from uint16"),
        (lambda x: np.where(x > 0, x.astype(np.int32) - 4000, 0), "out of range"),
        (lambda x: x * 0, "only holes"),
        (lambda x: x[:0], "empty or too short"),
        (lambda x: x[0], "wrong number of axes"),
        (lambda x: np.where(x == 0, np.nan, x / 1000), "64 of 4096 values are NaN"),
        (lambda x: x > 0, "not distances"),
        (lambda x: as_png((x // 16).astype(np.uint8)), "not a depth picture"),
        (lambda x: as_png(np.zeros((8, 8, 3), np.uint8)), "not a depth picture"),
        (lambda x: as_png(x)[:-40], "cannot decode the picture"),
        (lambda x: as_file(np.save, x)[:200], "cannot decode the arrays"),
        (lambda x: as_file(np.savez, a=x, b=x), "not one array"),
        (lambda x: b"time_s,accel_x", "cannot decode the picture"),
    ],
)
def test_bad_input_is_refused(map_mm, spoil, message):
    with pytest.raises(SampleError, match=f"(?s){message}"):
        Depth().load(spoil(map_mm))


@pytest.mark.parametrize(
    "options",
    [
        {"unit": "cm"},
        {"centre": "frame"},
        {"near_m": 2.0, "far_m": 1.0},
        {"unit": "disparity", "focal_px": 500.0},
        {"input": "disparity", "baseline_m": 0.1},
        {"input": "hha"},
        {"outside": "wrap"},
        {"per_unit": 0.0},
        {"holes": ["none"]},
        {"input": "depth", "centre": "clip"},
    ],
)
def test_impossible_options_are_config_errors(options):
    with pytest.raises(ConfigError):
        Depth(**options)


def test_nearness_and_mask_follow_the_formula(map_mm):
    spec = Depth(near_m=0.5, far_m=4.5)
    tensor = spec.transform(spec.load(map_mm))
    assert tensor.shape == (2, 1, 64, 64) and tensor.dtype == torch.float32
    for row, column in ((0, 0), (7, 7), (8, 0), (20, 40), (63, 63)):
        hole = map_mm[row, column] == 0
        expected = 0.0 if hole else (4.5 - map_mm[row, column] / 1000) / 4.0
        assert tensor[0, 0, row, column].item() == pytest.approx(expected, abs=1e-6)
        assert tensor[1, 0, row, column].item() == float(not hole)


def test_a_hole_is_not_the_largest_distance(map_mm):
    """Both have nearness 0; the mask tells them apart."""
    spec = Depth(far_m=3.0)
    tensor = spec.transform(spec.load(map_mm))
    assert tensor[0, 0, 0, 0] == 0 and tensor[0, 0, 63, 63].abs() < 1e-6
    assert (tensor[1, 0, 0, 0], tensor[1, 0, 63, 63]) == (0, 1)


def test_centring_takes_the_clips_distance_out_and_keeps_its_movement(clip_mm):
    spec = Depth(num_frames=12, centre="clip", reach_m=0.5)
    farther = clip_mm + np.uint16(700) * (clip_mm > 0)
    first, second = (spec.transform(spec.load(clip.astype(np.uint16))) for clip in (clip_mm, farther))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=0)
    inner = first[0, :, 30, 32]
    torch.testing.assert_close(torch.diff(inner), torch.full((11,), -0.01 / 0.5), atol=1e-4, rtol=0)


def test_clips_are_stretched_by_picking_frames(clip_mm):
    spec = Depth(num_frames=5, far_m=10.0)
    tensor = spec.transform(spec.load(clip_mm))
    whole = Depth(num_frames=12, far_m=10.0).transform(spec.load(clip_mm))
    picked = np.linspace(0, 11, 5).round().astype(int)
    assert torch.equal(tensor, whole[:, picked])


@pytest.mark.parametrize(("height", "width", "size"), [(64, 64, 64), (48, 80, 16), (31, 31, 8), (5, 9, 12)])
def test_resizing_reads_single_pixels_of_the_middle_square(height, width, size):
    frames = np.random.default_rng(0).random((2, height, width), np.float32)
    side, out = min(height, width), resize_nearest(frames, size)
    assert out.shape == (2, size, size)
    for row in range(size):
        for column in range(size):
            y = (height - side) // 2 + int((row + 0.5) * side / size)
            x = (width - side) // 2 + int((column + 0.5) * side / size)
            assert (out[:, row, column] == frames[:, y, x]).all()


@pytest.mark.parametrize("num_frames", [1, 12])
def test_augment_is_seeded_pure_and_keeps_holes_empty(clip_mm, num_frames):
    spec = Depth(num_frames=num_frames, tilt=0.3, distance_jitter=0.2, drop=0.3)
    tensor = spec.transform(spec.load(clip_mm))
    before = tensor.clone()
    first, again, other = (spec.augment(tensor, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == tensor.shape and torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(tensor, before)
    assert set(first[1].unique().tolist()) <= {0.0, 1.0}
    assert not first[0][first[1] == 0].any()
    assert first[1].mean() > 0.5


def test_augment_without_strength_changes_nothing(clip_mm):
    spec = Depth(num_frames=12, **STILL)
    tensor = spec.transform(spec.load(clip_mm))
    assert torch.equal(spec.augment(tensor, torch.Generator().manual_seed(0)), tensor)


def test_augment_never_mirrors_space_or_time(clip_mm):
    """Nearness falls to the right and with time before; so it does after."""
    spec = Depth(num_frames=12)
    tensor = spec.transform(spec.load(clip_mm))
    for seed in range(20):
        nearness, known = spec.augment(tensor, torch.Generator().manual_seed(seed))
        both = known[:, 32, 1:] * known[:, 32, :-1]
        assert (torch.diff(nearness[:, 32]) * both <= 1e-6).all() and both.sum() > 100
        assert (torch.diff(nearness[:, 32, 32]) <= 1e-6).all()


@pytest.mark.parametrize("options", [{}, {"num_frames": 12, "size": 48}])
def test_encoders_take_what_transform_gives(clip_mm, options):
    spec = Depth(**options)
    encoder = spec.encoder()
    batch = spec.collate([spec.transform(spec.load(clip_mm))] * 2)
    assert encoder(batch).shape == (2, encoder.width)


def test_frames_that_cannot_be_stacked_are_refused():
    with pytest.raises(ValueError, match="num_frames 5 is not divisible by stack 2"):
        Depth(num_frames=5).encoder(stack=2)


def test_show_marks_holes(clip_mm):
    sample = Depth().load(clip_mm)
    film = Depth().show(sample)
    assert film.scale.unit == "m" and film.scale.reversed
    np.testing.assert_array_equal(np.isnan(film.frames), sample == 0)
    np.testing.assert_array_equal(film.frames[sample > 0], sample[sample > 0])

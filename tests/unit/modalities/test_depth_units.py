"""`depth`: every unit of the field's files, what the tower sees of it, and holes that say nothing."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from binder.errors import SampleError
from modalities.depth import Depth

METRES = np.linspace(0.6, 4.0, 48 * 64, dtype=np.float32).reshape(48, 64)
CAMERA = {"focal_px": 500.0, "baseline_m": 0.1}  # 50 pixels of disparity at one metre


def as_picture(array, form="PNG"):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format=form)
    return stream.getvalue()


def rotated_left_by_three(number):
    bits = f"{number:016b}"
    return int(bits[3:] + bits[:3], 2)


def test_sun_rgbd_is_unrotated_for_every_number_of_16_bits():
    """Every bit string, turned by hand; 0 alone is a hole."""
    numbers = np.arange(2**16)
    stored = np.array([rotated_left_by_three(number) for number in numbers.tolist()], np.uint16).reshape(256, 256)
    sample = Depth(unit="sun_rgbd", near_m=1e-4, far_m=70.0).load(as_picture(stored))
    np.testing.assert_allclose(sample[0].ravel(), numbers / 1000, rtol=1e-6)


def test_sun_rgbd_needs_its_16_bits():
    with pytest.raises(SampleError, match=r"(?s)SUN RGB-D.*float32.*uint16"):
        Depth(unit="sun_rgbd").load(METRES)


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"unit": "m", "per_unit": 5000.0}, (METRES * 5000).round().astype(np.uint16)),
        ({"unit": "m", "per_unit": 256.0}, (METRES * 256).round().astype(np.uint16)),
        ({"unit": "disparity", **CAMERA}, (50 / METRES).astype(np.float32)),
        ({"unit": "disparity", "per_unit": 256.0, **CAMERA}, (50 / METRES * 256).round().astype(np.uint16)),
    ],
)
def test_scaled_and_disparity_files_become_metres(options, stored):
    form = "TIFF" if stored.dtype == np.float32 else "PNG"
    sample = Depth(**options).load(as_picture(stored, form))
    np.testing.assert_allclose(sample[0], METRES, rtol=4e-3)  # 256 steps a metre


def test_eight_bits_are_disparity_but_no_distance():
    stored = (50 / METRES).round().astype(np.uint8)
    np.testing.assert_allclose(Depth(unit="disparity", **CAMERA).load(as_picture(stored))[0], 50 / stored, rtol=1e-6)
    with pytest.raises(SampleError, match="not a depth picture"):
        Depth(unit="mm").load(as_picture(stored))


@pytest.mark.parametrize("unit", ["by_type", "mm", "m", "sun_rgbd", "disparity"])
@pytest.mark.parametrize("per_unit", [1.0, 4.0])
def test_synthetic_samples_are_stored_in_the_declared_unit(unit, per_unit):
    expected = Depth().load(Depth().synthetic(3))
    spec = Depth(unit=unit, per_unit=per_unit, **CAMERA)
    np.testing.assert_allclose(spec.load(spec.synthetic(3)), expected, atol=6e-4)  # whole millimetres


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("nearness", lambda metres: (5.0 - metres) / 4.5),
        ("depth", lambda metres: metres / 5.0),
        ("disparity", lambda metres: np.minimum(50 / metres, 75) / 75),
        ("log_depth", lambda metres: np.log(metres / 0.5) / np.log(10.0)),
    ],
)
def test_the_tower_sees_the_input_that_is_asked_for(value, expected):
    spec = Depth(input=value, near_m=0.5, far_m=5.0, size=48, **CAMERA)
    tensor = spec.transform(spec.load(METRES))
    middle = METRES[:, 8:56]
    np.testing.assert_allclose(tensor[0, 0], expected(middle), atol=2e-6)
    assert 0 <= tensor.min() and tensor.max() <= 1 and tensor[1].all()


def spoiled(value):
    """METRES with a band of `value`, and one pixel that is not."""
    stored = METRES.copy()
    stored[10:20] = value
    return stored


@pytest.mark.parametrize("value", ["nearness", "depth", "disparity", "log_depth"])
def test_what_a_hole_held_changes_no_vector(value):
    spec = Depth(input=value, holes=[0, 65.535, "nan", "inf", -1.0], **CAMERA)
    samples = [spec.load(spoiled(hole)) for hole in (0, 65.535, np.nan, np.inf, -1.0)]
    torch.manual_seed(0)
    encoder = spec.encoder().eval()
    with torch.no_grad():
        vectors = encoder(spec.collate([spec.transform(sample) for sample in samples]))
        seen = encoder(spec.collate([spec.transform(spec.load(METRES))]))
    assert all(torch.equal(vector, vectors[0]) for vector in vectors)
    assert not torch.allclose(vectors[0], seen[0])
    assert not samples[2][0, 10:20].any() and samples[2][0, 20:].all()


def test_a_number_that_is_not_declared_a_hole_is_a_distance():
    with pytest.raises(SampleError, match=r"(?s)out of range.*0.6 to 65.535 m, .*; 640 of 3072 beyond"):
        Depth().load(spoiled(65.535))
    with pytest.raises(SampleError, match="640 of 3072 values are NaN"):
        Depth().load(spoiled(np.nan))
    with pytest.raises(SampleError, match="out of range"):
        Depth(holes=[65.535]).load(spoiled(0))


def test_single_pixels_outside_can_be_clamped_or_masked_but_not_most_of_them():
    far = spoiled(12.0)
    np.testing.assert_array_equal(Depth(outside="clamp").load(far)[0, 10:20], 10.0)
    np.testing.assert_array_equal(Depth(outside="hole").load(far)[0, 10:20], 0.0)
    for outside in ("clamp", "hole"):
        np.testing.assert_array_equal(Depth(outside=outside).load(far)[0, 20:], METRES[20:])
        with pytest.raises(SampleError, match=r"(?s)out of range.*3072 of 3072 beyond.*unit"):
            Depth(outside=outside).load(METRES * 1000)  # millimetres taken for metres


def test_coloured_arrays_and_clips_of_pictures_are_refused():
    with pytest.raises(SampleError, match="looks like a coloured picture"):
        Depth().load(np.ones((32, 32, 3), np.float32))
    stream = io.BytesIO()
    Image.fromarray(METRES).save(stream, format="TIFF", save_all=True, append_images=[Image.fromarray(METRES)])
    with pytest.raises(SampleError, match="several pictures"):
        Depth().load(stream.getvalue())


@pytest.mark.shared_data
def test_real_maps_open_in_millimetres(shared_data):
    files = sorted((shared_data / "assets").rglob("depth/*.png"))
    assert len(files) == 2
    for path in files:
        sample = Depth(far_m=10.0, input="depth").load(path)
        stored = np.asarray(Image.open(path))
        assert sample.shape == (1, *stored.shape) and stored.dtype == np.uint16
        np.testing.assert_allclose(sample[0], stored / 1000, rtol=1e-6)

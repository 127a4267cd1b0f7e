"""Thermal pictures: units, what is radiometric and what is not, and the fixed normalisation."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from binder.display import Scale
from binder.errors import BinderError, SampleError
from binder.registry import create_modality
from modalities.thermal import Thermal

SPEC = Thermal(size=16)
GREY = Thermal(radiometric=False)
KELVIN = np.linspace(280, 320, 20 * 24, dtype=np.float32).reshape(20, 24)


def encoded(array: np.ndarray, form: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(array).save(stream, format=form)
    return stream.getvalue()


def test_path_bytes_pillow_and_arrays_give_one_sample(tmp_path):
    counts = (KELVIN * 100).round().astype(np.uint16)
    path = tmp_path / "thermal.png"
    path.write_bytes(encoded(counts))
    for source in (path, str(path), path.read_bytes(), encoded(counts, "TIFF"), counts, Image.open(path), KELVIN):
        np.testing.assert_allclose(SPEC.load(source), KELVIN, atol=0.006)  # counts are whole hundredths
    np.testing.assert_array_equal(SPEC.load(encoded(KELVIN, "TIFF")), KELVIN)


@pytest.mark.parametrize(("unit", "factor"), [("centikelvin", 100), ("decikelvin", 10), ("kelvin", 1)])
def test_integer_pixels_are_in_the_unit_option(unit, factor):
    sample = Thermal(unit=unit).load(encoded(np.full((8, 8), 300 * factor, np.uint16)))
    np.testing.assert_allclose(sample, 300, rtol=1e-6)


def test_a_wrong_unit_is_caught_by_the_range():
    with pytest.raises(SampleError, match=r"(?s)out of range.*30000.*K.*unit"):
        Thermal(unit="kelvin").load(encoded(np.full((8, 8), 30000, np.uint16)))
    with pytest.raises(SampleError, match=r"(?s)out of range.*20 to 20"):
        SPEC.load(np.full((8, 8), 20.0, np.float32))  # degrees Celsius


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_eight_bits_are_not_temperatures(form):
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    with pytest.raises(SampleError, match=r"(?s)not a radiometric.*uint8.*radiometric: false"):
        SPEC.load(encoded(picture, form))


def test_grey_levels_where_the_config_says_so():
    picture = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(GREY.load(encoded(picture)), picture)
    np.testing.assert_array_equal(GREY.load(encoded(np.dstack([picture] * 3))), picture)
    assert GREY.contract.unit == "grey level"
    assert float(GREY.transform(np.full((9, 9), 255, np.float32)).max()) == 1.0
    with pytest.raises(SampleError, match="radiometric: true"):
        GREY.load(encoded(picture.astype(np.uint16)))


@pytest.mark.parametrize("bits", [14, 16])
def test_raw_counts_of_more_than_eight_bits(bits):
    spec = Thermal(radiometric=False, bits=bits, size=16)
    top = 2**bits - 1
    counts = np.linspace(0, top, 20 * 24).round().astype(np.uint16).reshape(20, 24)
    np.testing.assert_array_equal(spec.load(encoded(counts)), counts)
    np.testing.assert_array_equal(spec.load(encoded(counts, "TIFF")), counts)
    assert spec.contract.value_range == (0, top)
    for level, expected in ((0, -1.0), (top, 1.0)):
        tensor = spec.transform(np.full((16, 16), level, np.float32))
        torch.testing.assert_close(tensor, torch.full((1, 16, 16), expected))
    with pytest.raises(SampleError, match=r"(?s)another depth of grey.*uint8.*bits"):
        spec.load(encoded((counts >> (bits - 8)).astype(np.uint8)))
    with pytest.raises(SampleError, match=r"(?s)out of range.*65535.*16383"):
        Thermal(radiometric=False, bits=14).load(encoded(np.full((8, 8), 65535, np.uint16)))


@pytest.mark.parametrize("options", [{}, {"radiometric": False}, {"radiometric": False, "bits": 14}])
def test_a_pictures_own_scale_takes_gain_and_offset_out(options):
    spec = Thermal(size=20, normalise="image", **options)
    levels = np.random.default_rng(0).normal(300, 5, (20, 20)).astype(np.float32)
    tensor = spec.transform(levels)
    torch.testing.assert_close(spec.transform(2 * levels - 250), tensor, atol=1e-4, rtol=0)
    assert (tensor.min(), tensor.max()) == (-1, 1)
    assert ((tensor == 1).sum(), (tensor == -1).sum()) == (4, 4)  # 1 % of 400 pixels lie beyond on either side


def test_one_burning_pixel_does_not_set_the_contrast():
    spec = Thermal(size=20, normalise="image")
    calm = np.random.default_rng(0).normal(300, 5, (20, 20)).astype(np.float32)
    burning = calm.copy()
    burning[3, 3] = 1200
    difference = (spec.transform(burning) - spec.transform(calm)).abs()
    difference[0, 3, 3] = 0
    assert difference.max() < 0.1
    assert not spec.transform(np.full((20, 20), 300, np.float32)).any()
    tensor = spec.transform(calm)
    still = Thermal(size=20, normalise="image", smallest_crop=1.0, drift_k=5.0)
    torch.testing.assert_close(still.augment(tensor, torch.Generator().manual_seed(0)), tensor)


def test_several_pictures_in_one_file_are_refused():
    frames = [Image.fromarray(KELVIN)] * 2
    stream = BytesIO()
    frames[0].save(stream, format="TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(SampleError, match="several pictures"):
        SPEC.load(stream.getvalue())


def test_false_colours_are_refused():
    coloured = np.zeros((8, 8, 3), np.uint8)
    coloured[..., 0] = 200
    with pytest.raises(SampleError, match=r"(?s)coloured.*200 levels"):
        GREY.load(encoded(coloured))


def test_truncated_pictures_are_refused():
    data = encoded((KELVIN * 100).astype(np.uint16))
    with pytest.raises(SampleError, match="decode"):
        SPEC.load(data[: len(data) // 2])


def test_transform_is_twenty_kelvin_per_unit_around_room_temperature():
    for kelvin, expected in ((293.15, 0.0), (313.15, 1.0), (253.15, -2.0)):
        tensor = SPEC.transform(np.full((20, 24), kelvin, np.float32))
        torch.testing.assert_close(tensor, torch.full((1, 16, 16), expected), atol=1e-5, rtol=0)


def test_transform_averages_areas_of_the_central_square():
    """64 rows to 16, every fourth 4 K warmer: each output pixel is 1 K warmer, wherever the warm row lies."""
    rows = np.full((64, 80), 293.15, np.float32)
    rows[::4] += 4
    rows[:, :8] = rows[:, -8:] = 400  # outside the central square
    tensor = SPEC.transform(rows)[0] * 20
    torch.testing.assert_close(tensor[2:-2], torch.ones(12, 16), atol=1e-3, rtol=0)


def test_drift_is_one_offset_for_the_whole_picture():
    spec = Thermal(size=16, smallest_crop=1.0, drift_k=2.0)
    tensor = spec.transform(KELVIN)
    offsets = []
    for seed in range(20):
        offset = (spec.augment(tensor, torch.Generator().manual_seed(seed)) - tensor) * 20
        assert offset.std() < 1e-4
        offsets.append(float(offset.mean()))
    assert -2 <= min(offsets) < -0.5 < 0.5 < max(offsets) <= 2


def test_range_from_a_config_is_a_list_and_gives_the_same_object():
    assert Thermal(range_k=[200.0, 400.0]) == Thermal(range_k=(200.0, 400.0))
    for options in (
        {"unit": "celsius"},
        {"range_k": [400.0, 200.0]},
        {"size": 2},
        {"radiometric": False, "bits": 12},
        {"bits": 14},
        {"normalise": "row"},
    ):
        with pytest.raises(BinderError, match=r"option .* of thermal"):
            create_modality("thermal", **options)


def test_show_says_the_unit_that_the_camera_has():
    picture = SPEC.show(KELVIN)
    assert picture.pixels is KELVIN and picture.scale == Scale(unit="K", colours="inferno")
    grey = create_modality("thermal", radiometric=False)
    assert grey.show(grey.synthetic(0)).scale == Scale(unit="grey level", colours="grey")


@pytest.mark.shared_data
def test_real_pictures_open_as_grey_levels(shared_data):
    files = sorted((shared_data / "assets").rglob("thermal/*.jpg"))
    assert len(files) == 2
    for path in files:
        assert GREY.load(path).std() > 10
        with pytest.raises(SampleError, match="radiometric: false"):
            SPEC.load(path)

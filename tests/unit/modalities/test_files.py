"""Opening files within limits: bombs are refused before they are unpacked, damage is a `SampleError`."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from binder.errors import SampleError
from binder.registry import create_modality
from modalities import files
from modalities.files import MAX_PIXELS, load_arrays, only_array, open_picture

PICTURES = ("image", "depth", "thermal")
ARRAYS = ("depth", "imu", "skeleton", "pointcloud")


def as_npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def png_of(side, bits, colour):
    """The header of a picture and no pixels."""
    header = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + chunk + idat


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as where warnings are no errors
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("side", [int(MAX_PIXELS**0.5) + 1000, 60_000])
def test_absurd_pictures_are_refused_from_their_header(name, side):
    with pytest.raises(SampleError, match="too large"):
        create_modality(name).load(png_of(side, *((8, 2) if name == "image" else (16, 0))))


@pytest.mark.parametrize("name", ARRAYS)
def test_archives_are_refused_by_the_size_they_declare(name, monkeypatch):
    monkeypatch.setattr(files, "MAX_ARRAY_BYTES", 10_000)
    bomb = as_npz(samples=np.zeros(10_000), joints=np.zeros(10_000), rate_hz=200)
    assert len(bomb) < 2000
    with pytest.raises(SampleError, match=r"(?s)too large.*bytes once unpacked"):
        create_modality(name).load(bomb)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("shape", [(10**9, 10**9), (10**12, 3), (-1, 3), (2**40, 2**40)])
def test_a_header_that_claims_absurd_dimensions_is_refused(name, shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(SampleError, match="cannot decode the arrays"):
        create_modality(name).load(stream.getvalue() + bytes(80))


def test_pickled_objects_are_refused():
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SampleError, match=r"(?s)cannot decode.*allow_pickle"):
        load_arrays(stream.getvalue(), "a.npy")


def test_an_archive_without_arrays_is_refused_and_other_bytes_are_left_alone():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    for name in ARRAYS:
        with pytest.raises(SampleError):
            create_modality(name).load(stream.getvalue())
    with pytest.raises(SampleError, match=r"(?s)not one array.*none"):
        only_array({}, "a.npz")
    assert load_arrays(b"x,y,z\n", "a.csv") is None


def test_a_picture_that_turns_out_damaged_in_the_block_is_a_sample_error():
    stream = io.BytesIO()
    Image.fromarray(np.arange(10_000, dtype=np.uint8).reshape(100, 100)).save(stream, format="PNG")
    with pytest.raises(SampleError, match=r"(?s)cannot decode.*a PNG"):
        with open_picture(stream.getvalue()[:-200], expected="a PNG") as image:
            np.asarray(image)


def test_an_open_picture_is_lent_as_it_is():
    given = Image.new("L", (4, 4))
    with open_picture(given, expected="a PNG") as image:
        assert image is given


@pytest.mark.parametrize("name", ARRAYS)
def test_files_of_matlab_say_how_to_convert_them(name, tmp_path):
    read = create_modality(name)
    savemat(tmp_path / "a.mat", {"d": np.zeros((3, 4))})
    with pytest.raises(
        SampleError, match=r"MATLAB file is not read\n  got: .*a\.mat\n.*NPY or NPZ[\s\S]*scipy.io.loadmat"
    ):
        read.load(tmp_path / "a.mat")
    (tmp_path / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    with pytest.raises(SampleError, match=r"of version 7\.3 is not read[\s\S]*h5py"):
        read.load(tmp_path / "b.mat")

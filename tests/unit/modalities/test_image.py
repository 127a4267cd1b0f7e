"""Images: formats, orientation, refusals, and the square that a tower sees."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from binder.errors import SampleError
from modalities.files import MAX_PIXELS
from modalities.image import Image
from modalities.image.transform import MEAN, STD

SPEC = Image(size=16)
PHOTO = Image().synthetic(3)


def encoded(array: np.ndarray, form: str, **options) -> bytes:
    stream = BytesIO()
    Pillow.fromarray(array).save(stream, format=form, **options)
    return stream.getvalue()


def test_path_bytes_array_pillow_and_datasets_cell_give_one_sample(tmp_path):
    data = encoded(PHOTO, "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    sources = [path, str(path), data, PHOTO, Pillow.fromarray(PHOTO), {"bytes": data, "path": None}]
    sources.append({"bytes": None, "path": str(path)})
    for source in sources:
        np.testing.assert_array_equal(SPEC.load(source), PHOTO)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation):
    """The stored pixels are turned by hand, as the EXIF standard defines its eight values."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: np.rot90(a, -1),
    }
    exif = Pillow.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(undo[orientation](PHOTO))
    np.testing.assert_array_equal(SPEC.load(encoded(stored, "PNG", exif=exif)), PHOTO)


def test_grey_palette_alpha_and_cmyk_become_rgb():
    grey = PHOTO[..., 0].copy()
    np.testing.assert_array_equal(SPEC.load(encoded(grey, "PNG")), np.repeat(grey[..., None], 3, axis=-1))
    alpha = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 7, np.uint8)])
    np.testing.assert_array_equal(SPEC.load(encoded(alpha, "PNG")), PHOTO)
    palette = Pillow.fromarray(PHOTO).quantize(8)
    np.testing.assert_array_equal(SPEC.load(palette), np.array(palette.convert("RGB")))
    cmyk = Pillow.fromarray(PHOTO).convert("CMYK")
    assert SPEC.load(cmyk).shape == PHOTO.shape


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_every_truncated_file_is_refused(form):
    data = encoded(PHOTO, form)
    SPEC.load(data)
    with pytest.raises(SampleError, match="decode"):
        SPEC.load(data[: len(data) // 2])


def test_a_decompression_bomb_is_refused_from_its_header():
    side = int(MAX_PIXELS**0.5) + 1000
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(SampleError, match="too large"):
        SPEC.load(b"\x89PNG\r\n\x1a\n" + chunk + idat)


def test_a_transparent_palette_gives_its_colours():
    palette = Pillow.fromarray(PHOTO).quantize(8)
    stream = BytesIO()
    palette.save(stream, format="PNG", transparency=bytes([0, 128, 255, 7, 7, 7, 7, 7]))
    np.testing.assert_array_equal(SPEC.load(stream.getvalue()), np.array(palette.convert("RGB")))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form):
    frames = [Pillow.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    stream = BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(stream, format=form, save_all=True, append_images=frames[1:], **options)
    assert Pillow.open(BytesIO(stream.getvalue())).n_frames == 2
    np.testing.assert_array_equal(SPEC.load(stream.getvalue()), np.array(frames[0]))


def test_colours_of_16_bits_keep_their_upper_byte():
    """Pillow writes no such file: one is put together by hand."""
    deep = np.random.default_rng(0).integers(0, 2**16, (4, 5, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    parts = {b"IHDR": struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0), b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    ]
    np.testing.assert_array_equal(SPEC.load(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)), deep >> 8)


def test_sixteen_bit_pictures_point_to_the_modality_they_belong_to():
    with pytest.raises(SampleError, match=r"(?s)8 bits.*I;16.*depth or thermal"):
        SPEC.load(encoded(PHOTO[..., 0].astype(np.uint16) * 200, "PNG"))


def test_float_arrays_are_refused_because_their_range_is_a_guess():
    with pytest.raises(SampleError, match=r"(?s)float32.*uint8.*255"):
        SPEC.load(PHOTO.astype(np.float32) / 255)


def test_transform_takes_the_central_square_and_normalises_as_clip_does():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (10, 128, 250)  # only the central square has this colour
    tensor = SPEC.transform(wide)
    expected = (torch.tensor([10, 128, 250]) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    inner = tensor[:, :, 2:-2]  # the bicubic kernel does not look past the box at its sides
    torch.testing.assert_close(inner, expected[:, None, None].expand_as(inner), atol=1e-6, rtol=0)
    assert tensor.shape == (3, 16, 16)


def test_augment_without_strength_is_the_identity_and_flip_mirrors():
    still = Image(size=16, smallest_crop=1.0, brightness=0.0)
    tensor = still.transform(PHOTO)
    torch.testing.assert_close(still.augment(tensor, torch.Generator().manual_seed(0)), tensor)
    mirror = Image(size=16, smallest_crop=1.0, brightness=0.0, flip=True)
    results = [mirror.augment(tensor, torch.Generator().manual_seed(seed)) for seed in range(20)]
    flipped = [torch.allclose(result, tensor.flip(-1)) for result in results]
    assert 2 < sum(flipped) < 18
    assert all(was or torch.allclose(result, tensor) for was, result in zip(flipped, results, strict=True))


def test_show_gives_the_picture_itself():
    sample = SPEC.synthetic(0)
    assert SPEC.show(sample).pixels is sample


@pytest.mark.shared_data
def test_real_photographs_open(shared_data):
    files = [path for path in (shared_data / "assets").rglob("*.jp*g") if path.parent.name != "thermal"]
    small = [path for path in files if path.stat().st_size < 300_000]
    assert len(files) == 12
    assert len(small) >= 8
    for path in small:
        sample = SPEC.load(path)
        assert sample.std() > 10
        assert torch.isfinite(SPEC.transform(sample)).all()

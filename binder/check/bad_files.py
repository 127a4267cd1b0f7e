"""Damaged files of common formats, made in memory: none may become a sample, whatever a modality reads.

Called by `bad_inputs`. A file in a format that a modality does not read is garbage to it, and must be refused, too.
"""

import struct
import zlib
from functools import cache
from io import BytesIO

import numpy as np
import soundfile
from PIL import Image

Files = dict[str, bytes]  # file name -> content

NOISE = np.random.default_rng(0).integers(128, 255, size=(48, 64, 3), dtype=np.uint8)  # no bytes of it are UTF-8
GARBAGE = NOISE.tobytes()  # and no magic number
RATE = 16_000
BOMB_BYTES = 5 * 2**28  # 1.25 GiB of zeros, in an archive of 1.2 MiB
BOMB_SIDE = 25_000  # pixels; as RGB 1.9 GB; divisible by 8
ABSURD_SIDE = 2**31 - 1
ABSURD_LENGTH = 2**40


def whole(array: np.ndarray) -> Files:
    """Sound files: the array as NPY and NPZ, and noise as pictures and sounds."""
    sound, grey = NOISE.reshape(-1).astype(np.float32) / 512, NOISE[..., 0].astype(np.uint16) * 100
    return {
        "array.npy": npy(array),
        "array.npz": _npz(array),
        "photo.png": _picture(NOISE, "PNG"),
        "photo.jpg": _picture(NOISE, "JPEG"),
        "photo.tiff": _picture(NOISE, "TIFF"),
        "grey16.png": _picture(grey, "PNG"),
        "sound.wav": _sound(sound, "WAV"),
        "sound.flac": _sound(sound, "FLAC"),
    }


def truncated(array: np.ndarray) -> Files:
    """Every format cut off after three fifths of its bytes."""
    return {name: data[: len(data) * 3 // 5] for name, data in whole(array).items()}


def wrong_magic(array: np.ndarray) -> Files:
    """Every format with other first bytes, and nothing but garbage."""
    renamed = {name: b"NOTAFILE" + data[8:] for name, data in whole(array).items()}
    return {**renamed, "garbage.bin": GARBAGE}


def zero_samples(array: np.ndarray) -> Files:
    """Complete files that hold nothing."""
    return {"none.npy": npy(array[:0]), "none.wav": _sound(np.zeros(0, np.float32), "WAV")}


def absurd(array: np.ndarray) -> Files:
    """Headers that promise more than any memory holds, and next to nothing behind them."""
    promise = {"descr": "<f4", "fortran_order": False, "shape": (ABSURD_LENGTH, *array.shape[1:])}
    header = BytesIO()
    np.lib.format.write_array_header_2_0(header, promise)
    channels, rate, size = 2**16 - 1, 2**31 - 1, 2**32 - 16
    wav = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", size, b"WAVE", b"fmt ", 16, 1, channels, rate, rate, 2, 16)
    return {
        "absurd.npy": header.getvalue() + GARBAGE[:64],
        "absurd.png": _png(ABSURD_SIDE, ABSURD_SIDE, zlib.compress(GARBAGE[:64])),
        "absurd.wav": wav + struct.pack("<4sI", b"data", size) + GARBAGE[:64],
    }


@cache
def bombs() -> Files:
    """Small files that unpack to more than a gigabyte: a picture of 1 bit a pixel, and an archive with one array.

    Their checksums are wrong: who gets as far as comparing them has unpacked everything.
    """
    pixels = b"\x78\x01" + _deflated_zeros(BOMB_SIDE * (1 + BOMB_SIDE // 8)) + bytes(4)  # RFC 1950
    return {"bomb.png": _png(BOMB_SIDE, BOMB_SIDE, pixels), "bomb.npz": _npz_bomb()}


def npy(array: np.ndarray) -> bytes:
    """An array as NumPy saves it."""
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(array: np.ndarray) -> bytes:
    stream = BytesIO()
    np.savez(stream, array)
    return stream.getvalue()


def _picture(array: np.ndarray, form: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(array).save(stream, format=form)
    return stream.getvalue()


def _sound(wave: np.ndarray, form: str) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, wave, RATE, format=form)
    return stream.getvalue()


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of one bit a pixel; W3C, Portable Network Graphics (third edition), 5: chunks."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _npz_bomb() -> bytes:
    """PKWARE, APPNOTE.TXT 4.3: local header, data, directory; by hand, because zipfile would deflate it all."""
    header = BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "|u1", "fortran_order": False, "shape": (BOMB_BYTES,)})
    start, name = header.getvalue(), b"arr_0.npy"
    stored = b"\x00" + struct.pack("<HH", len(start), len(start) ^ 0xFFFF) + start  # RFC 1951 3.2.4: not compressed
    data = stored + _deflated_zeros(BOMB_BYTES)
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(data), len(start) + BOMB_BYTES, len(name), 0)
    local = b"PK\x03\x04" + fields + name
    directory = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    place = len(local) + len(data)
    return local + data + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), place, 0)


def _deflated_zeros(count: int) -> bytes:
    """At least `count` zeros, deflated: one piece, repeated, which is what makes a bomb cheap to build."""
    piece = 2**24
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(bytes(piece)) + deflate.flush(zlib.Z_FULL_FLUSH)  # the next piece starts anew
    return packed * -(-count // piece) + b"\x03\x00"  # an empty last block

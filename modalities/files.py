"""Opens pictures and arrays within limits, for every modality beside this file whose `read` decodes them.

Whatever a decoder raises about the bytes becomes a `SampleError`; nothing is unpickled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from zipfile import ZipFile

import numpy as np
from PIL import Image

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source

# [1] Pillow, PIL/Image.py: a quarter of a GiB of 3-byte pixels. Larger headers are refused before decoding.
MAX_PIXELS = 1024**3 // 4 // 3
MAX_ARRAY_BYTES = 1024**3  # of an NPZ, unpacked: a kilobyte of it can claim to be a terabyte of zeros
NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"
# what files of other programs begin with: MATLAB's up to version 7, and HDF5, which its version 7.3 writes
_FOREIGN = {b"MATLAB 5.0": "a MATLAB file", b"MATLAB 7.3": "a MATLAB file of version 7.3", b"\x89HDF": "an HDF5 file"}


@contextmanager
def open_picture(source: Source, *, expected: str) -> Iterator[Image.Image]:
    """Lend a picture to the block that decodes its pixels; a picture that is open already is lent as it is.

    Args:
        source: path, bytes, `{"bytes", "path"}`, or a Pillow image.
        expected: the formats, for messages.

    Raises:
        SampleError: no such file, undecodable, truncated (also where the block finds out), too many pixels.
    """
    try:
        image = source if isinstance(source, Image.Image) else Image.open(BytesIO(read_bytes(source)))
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(f"{image.width} x {image.height} pixels")
        yield image
    except SampleError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(str(error)) from error
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise SampleError.explain(
            "cannot decode the picture",
            got=f"{named(source)}: {type(error).__name__}: {error}",
            expected=expected,
            fix="open the file in a viewer; copy it again or remove the row",
        ) from error


def refuse_several(image: Image.Image) -> None:
    """Raise unless the file holds one picture; a measurement must not lose the others unseen.

    Raises:
        SampleError: an animation, or a TIFF of several pages.
    """
    count = getattr(image, "n_frames", 1)
    if count > 1:
        raise SampleError.explain(
            "several pictures in one file", got=count, expected="one", fix="save each as a file of its own"
        )


def load_arrays(data: bytes, name: str) -> np.ndarray | dict[str, np.ndarray] | None:
    """Decode NPY into its array and NPZ into arrays by name; None where the bytes are neither.

    Args:
        data: the whole file.
        name: of the file, for messages.

    Raises:
        SampleError: of MATLAB or HDF5, truncated, damaged, with pickled objects, or larger than `MAX_ARRAY_BYTES` once
            unpacked.
    """
    _refuse_foreign(data, name)
    if not data.startswith((NPY_MAGIC, ZIP_MAGIC)):
        return None
    try:
        if data.startswith(NPY_MAGIC):
            return np.load(BytesIO(data), allow_pickle=False)
        with ZipFile(BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise _too_large(f"{name}: {size:,} bytes once unpacked", limit=f"{MAX_ARRAY_BYTES:,} bytes")
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            arrays = dict(archive)
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):  # another file comes as its bytes
            raise ValueError(f"an archive of {', '.join(arrays)}")
        return arrays
    except SampleError:
        raise
    except Exception as error:  # zip, deflate and NPY headers each have errors of their own
        raise SampleError.explain(
            "cannot decode the arrays",
            got=f"{name}: {type(error).__name__}: {error}",
            expected="a complete NPY or NPZ of numbers",
            fix="open the file with numpy.load; copy it again or remove the row",
        ) from error


def _refuse_foreign(data: bytes, name: str) -> None:
    kind = next((kind for magic, kind in _FOREIGN.items() if data.startswith(magic)), None)
    if kind is not None:
        read = "h5py.File(...)" if b"7.3" in data[:10] or kind == "an HDF5 file" else "scipy.io.loadmat(...)"
        raise SampleError.explain(
            f"{kind} is not read",
            got=name,
            expected="NPY or NPZ, or another format of the modality's README",
            fix=f"convert it once: numpy.save('NAME.npy', {read}['VARIABLE'])",
        )


def only_array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The array of an NPZ that should hold one, of any name.

    Raises:
        SampleError: none, or several.
    """
    if len(arrays) != 1:
        raise SampleError.explain(
            "not one array", got=f"{name}: {', '.join(sorted(arrays)) or 'none'}", expected="an NPZ with one array"
        )
    return next(iter(arrays.values()))


def named(source: Source) -> str:
    """What to call a source in a message."""
    if isinstance(source, bytes):
        return f"{len(source)} bytes"
    return str(source)[:200] if isinstance(source, str) or hasattr(source, "__fspath__") else type(source).__name__


def _too_large(got: str, *, limit: str = f"{MAX_PIXELS:,} pixels") -> SampleError:
    return SampleError.explain("too large", got=got, expected=f"at most {limit}", fix="scale it down beforehand")

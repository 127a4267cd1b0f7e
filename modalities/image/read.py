"""Decodes image files and arrays into RGB samples; called by `Image.read`."""

from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source

# [1] Pillow, PIL/Image.py: a quarter of a GiB of 3-byte pixels. Larger headers are refused before decoding.
MAX_PIXELS = 1024**3 // 4 // 3
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})


def read_image(source: Source) -> UInt8[np.ndarray, "..."]:
    """Give the picture in `source` as uint8 RGB, turned upright by its EXIF orientation.

    Palettes, grey and CMYK become RGB; an alpha channel is dropped, as CLIP's own preprocessing
    does; of an animation the first frame is taken. Arrays must be uint8 already: a float array may
    be 0..1 or 0..255, and guessing wrong would go unnoticed.

    Raises:
        SampleError: undecodable, truncated, too many pixels, or more than 8 bits per channel.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8:
            raise SampleError.explain(
                "image array is not uint8",
                got=f"{source.dtype} of shape {source.shape}",
                expected="uint8, 0 to 255",
                fix="(array * 255).round().astype('uint8') if it runs from 0 to 1",
            )
        return source
    if isinstance(source, Image.Image):
        return _to_rgb(source)
    data = read_bytes(source)
    try:
        with Image.open(BytesIO(data)) as image:
            return _to_rgb(image)
    except SampleError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(str(error)) from error
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise SampleError.explain(
            "cannot decode the image",
            got=f"{type(error).__name__}: {error}",
            expected="a complete PNG, JPEG, WebP, TIFF, BMP or GIF",
            fix="open the file in a viewer; copy it again or remove the row",
        ) from error


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(f"{image.width} x {image.height} pixels")
    if image.mode not in EIGHT_BIT_MODES:
        raise SampleError.explain(
            "more than 8 bits per channel",
            got=f"mode {image.mode}",
            expected="an 8-bit photograph",
            fix="use the modality depth or thermal if this is a measurement; else convert the file to 8 bits",
        )
    return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def _too_large(got: str) -> SampleError:
    return SampleError.explain(
        "image too large", got=got, expected=f"at most {MAX_PIXELS} pixels", fix="scale the file down beforehand"
    )

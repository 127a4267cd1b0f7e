"""Decodes image files and arrays into RGB samples; called by `Image.read`."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from binder.errors import SampleError
from binder.types import Source
from modalities.files import open_picture

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
    with open_picture(source, expected="a complete PNG, JPEG, WebP, TIFF, BMP or GIF") as image:
        return _to_rgb(image)


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.mode not in EIGHT_BIT_MODES:
        raise SampleError.explain(
            "more than 8 bits per channel",
            got=f"mode {image.mode}",
            expected="an 8-bit photograph",
            fix="use the modality depth or thermal if this is a measurement; else convert the file to 8 bits",
        )
    upright = ImageOps.exif_transpose(image)
    if isinstance(upright.info.get("transparency"), bytes):  # one alpha per palette entry: Pillow asks for this way
        upright = upright.convert("RGBA")
    return np.array(upright.convert("RGB"))

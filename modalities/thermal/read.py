"""Decodes thermal pictures and arrays; called by `Thermal.read`."""

import numpy as np
from jaxtyping import Float32
from PIL import Image

from binder.errors import SampleError
from binder.types import Source
from modalities.files import open_picture, refuse_several

# Units that radiometric cameras write into 16-bit pixels. [1] FLIR Tau 2 / Lepton "TLinear": 0.01 K or 0.1 K per count.
KELVIN_PER = {"centikelvin": 0.01, "decikelvin": 0.1, "kelvin": 1.0}
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
MAX_COLOUR = 16  # levels between channels of a grey JPEG: chroma rounding gives less, a false-colour palette far more


def read_kelvin(source: Source, unit: str) -> Float32[np.ndarray, "..."]:
    """Give temperatures in kelvin; integer pixels are in `unit`, floating-point ones in kelvin.

    Raises:
        SampleError: undecodable, or a picture of 8 bits, which holds no temperatures.
    """
    pixels = source if isinstance(source, np.ndarray) else _decode(source)
    if pixels.dtype == np.uint8 or pixels.ndim == 3:
        raise SampleError.explain(
            "not a radiometric picture",
            got=f"{pixels.dtype} pixels of shape {pixels.shape}",
            expected=f"one channel of 16-bit integers in {unit}, or floats in kelvin",
            fix="export temperatures from the camera, or set the option radiometric: false to use grey levels",
        )
    if pixels.dtype.kind in "iu":
        return (pixels * KELVIN_PER[unit]).astype(np.float32)
    return _numeric(pixels)


def read_levels(source: Source, *, bits: int) -> Float32[np.ndarray, "..."]:
    """Give grey levels 0 to 2**bits - 1; the contract refuses levels above.

    Eight bits may be stored as one channel or three equal ones; more, as one channel of 16-bit integers.

    Raises:
        SampleError: undecodable, of another depth than `bits`, or coloured.
    """
    if isinstance(source, np.ndarray):
        return _numeric(source)
    pixels = _decode(source)
    deep = pixels.dtype != np.uint8
    if deep != (bits > 8) or pixels.dtype.kind == "f":
        raise SampleError.explain(
            "another depth of grey",
            got=f"{pixels.dtype} pixels",
            expected=f"{bits}-bit grey levels",
            fix="set the option bits to 8, 14 or 16; for temperatures set radiometric: true and the unit",
        )
    return pixels.astype(np.float32) if pixels.ndim == 2 else _grey(pixels)


def _grey(pixels: np.ndarray) -> Float32[np.ndarray, "height width"]:
    colour = int(np.ptp(pixels[..., :3].astype(np.int16), axis=-1).max())
    if colour > MAX_COLOUR:
        raise SampleError.explain(
            "a coloured picture",
            got=f"channels differ by up to {colour} levels",
            expected=f"grey (at most {MAX_COLOUR})",
            fix="export white-hot grey from the camera; a false-colour palette has no order of warmth",
        )
    return pixels[..., :3].mean(axis=-1, dtype=np.float32)


def _decode(source: Source) -> np.ndarray:
    with open_picture(source, expected="a complete PNG, TIFF or JPEG") as image:
        refuse_several(image)
        return _to_pixels(image)


def _to_pixels(image: Image.Image) -> np.ndarray:
    return np.array(image if image.mode in DEEP_MODES or image.mode in {"L", "RGB"} else image.convert("RGB"))


def _numeric(pixels: np.ndarray) -> Float32[np.ndarray, "..."]:
    if pixels.dtype.kind not in "iuf":
        raise SampleError.explain("not numeric", got=pixels.dtype, expected="integers or floats")
    return pixels.astype(np.float32, copy=False)

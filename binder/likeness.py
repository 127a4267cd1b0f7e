"""Likenesses: short fingerprints by which copies of a sample are known though their bytes differ. Floor: foundations.

A content hash changes with one byte; a likeness stays through re-encoding, rescaling and, for sounds, shifting and
cutting. Every likeness is a text KIND:HEX that a ledger keeps and anybody can compare, without binder, by counting
differing bits (`pictures`, `vectors`) or equal landmarks (`sounds`). What counts as alike is said by `LIMITS`.

[1] C. Zauner, 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, ch. 3.2.1 (phash.org): signs of
    the lowest frequencies of the cosine transform; 8 x 8 as there and in https://github.com/JohannesBuchner/imagehash.
[2] A. Wang, 2003, An Industrial-Strength Audio Search Algorithm, ISMIR: pairs of spectral peaks at one offset.
[3] A. Broder, 1997, On the resemblance and containment of documents: the smallest hashes are the same choice in both.
[4] M. Charikar, 2002, Similarity Estimation Techniques from Rounding Algorithms: bits differ as the angle does.
"""

import hashlib
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt8

LikenessKind = Literal["picture", "sound", "vector"]

# What is alike. picture: at most so many of 64 coarse and of 256 fine bits differ. sound: at least so many landmarks
# are equal at one offset. vector: at most so many of 256 bits differ, 16 of which are an angle of 11.25 degrees: cosine
# .981. Measured on 500 x 1500 different scenes of the playground: no two pictures alike (by 64 bits alone 8 % would be;
# the 256 differ in 38 or more), no two sounds (7 landmarks at most). Copies: a JPEG of quality 50 differs in 4 of the
# 256 bits in photographs; MP3, also shifted by part of a frame, keeps 15 of 64 landmarks or more.
LIMITS = {"picture": (4, 16), "sound": (12,), "vector": (16,)}

_COARSE, _FINE = 8, 16
_WINDOW_SECONDS, _HOP_SECONDS = 0.064, 0.008
_LOWEST_HZ, _HIGHEST_HZ = 200, 4000  # what codecs and telephones keep
_PEAK_FRAMES, _PEAK_BINS = 25, 25  # a peak is the largest around
_RANGE = 10 ** (-50 / 20)  # below the loudest within half a second
_LOUD_FRAMES = 63
_REACH_FRAMES = (2, 63)  # from one peak of a pair to the other
_FAN = 8  # later peaks that each is paired with
_LANDMARKS = 64  # per sound
_HASH_BITS, _TIME_BITS = 22, 20
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: D. Knuth, The Art of Computer Programming, vol. 3, 6.4
_VECTOR_BITS = 256


def picture_likeness(picture: UInt8[np.ndarray, "height width 3"]) -> str:
    """Perceptual hash [1] of an RGB picture: 64 bits of 8 x 8 and 256 of 16 x 16 frequencies, as `picture:HEX`."""
    from PIL import Image

    grey = Image.fromarray(picture).convert("L")
    return "picture:" + _frequencies(grey, _COARSE) + _frequencies(grey, _FINE)


def _frequencies(grey: Any, side: int) -> str:
    from PIL import Image
    from scipy.fft import dctn

    small = grey.resize((4 * side, 4 * side), Image.Resampling.LANCZOS)
    low = np.asarray(dctn(np.asarray(small, np.float64)))[:side, :side]
    return np.packbits(low > np.median(low)).tobytes().hex()


def sound_likeness(sound: Float32[np.ndarray, " time"], rate_hz: float | int) -> str:
    """Landmarks [2] of a sound as `sound:HEX`, 11 digits each: 22 bits of what was heard, then 20 of its frame.

    A landmark is a pair of peaks in the spectrogram: two frequencies and the time between them. Of all, those with the
    smallest hashes are kept [3], so that a part of a sound keeps the landmarks that the whole keeps there.
    """
    frames, bins = _peaks(sound, rate_hz)
    pairs = [_pairs(frames, bins, step) for step in range(1, _FAN)]
    heard, when = (np.concatenate(parts).astype(np.uint64) for parts in zip(*pairs, strict=True))
    hashed = (heard * _MIX) >> np.uint64(64 - _HASH_BITS)
    chosen = np.lexsort((when, hashed))[:_LANDMARKS]
    words = (hashed[chosen] << np.uint64(_TIME_BITS)) | (when[chosen] & np.uint64(2**_TIME_BITS - 1))
    return "sound:" + "".join(f"{word:011x}" for word in words.tolist())


def _peaks(sound: np.ndarray, rate_hz: float | int) -> tuple[np.ndarray, np.ndarray]:
    """Frames and frequency bins of the peaks of the spectrogram, in order of time."""
    from scipy.ndimage import maximum_filter

    window, hop = round(_WINDOW_SECONDS * rate_hz), max(1, round(_HOP_SECONDS * rate_hz))
    padded = np.pad(sound, (0, max(0, window - len(sound))))
    parts = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    low, high = (round(limit * _WINDOW_SECONDS) for limit in (_LOWEST_HZ, min(_HIGHEST_HZ, rate_hz / 2)))
    spectrum = np.abs(np.fft.rfft(parts * np.hanning(window).astype(np.float32)))[:, low:high]
    loudest = maximum_filter(spectrum.max(axis=1, initial=0), size=_LOUD_FRAMES)[:, None]
    largest = maximum_filter(spectrum, size=(_PEAK_FRAMES, _PEAK_BINS))
    frames, bins = np.nonzero((spectrum == largest) & (spectrum > loudest * _RANGE))
    return frames, bins


def _pairs(frames: np.ndarray, bins: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Each peak with the one `step` places later: both bins and the frames between as one number, and when."""
    apart = frames[step:] - frames[:-step]
    near = (apart >= _REACH_FRAMES[0]) & (apart <= _REACH_FRAMES[1])
    heard = (bins[:-step] * 256 + bins[step:]) * 64 + apart
    return heard[near], frames[:-step][near]


def vector_likenesses(vectors: Float32[np.ndarray, "vector dim"]) -> list[str]:
    """Signs of 256 fixed random projections [4] of each vector, as `vector:HEX`; they differ by angle / pi."""
    signs = vectors @ _directions(vectors.shape[1]) > 0
    return ["vector:" + row.tobytes().hex() for row in np.packbits(signs, axis=1)]


@cache
def _directions(dim: int) -> Float32[np.ndarray, "dim bit"]:
    """Plus and minus ones from SHAKE-256, the same on every machine and with every version of numpy."""
    drawn = hashlib.shake_256(b"binder vector likeness").digest(dim * _VECTOR_BITS // 8)
    return np.unpackbits(np.frombuffer(drawn, np.uint8)).reshape(dim, _VECTOR_BITS).astype(np.float32) * 2 - 1

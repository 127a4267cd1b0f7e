"""Turns video files and arrays into the frames that the tower sees; called by `Video.read`."""

import numpy as np
from jaxtyping import UInt8

from binder.errors import SampleError
from binder.types import Source
from modalities.video.decode import Wanted, decode_frames
from modalities.video.sampling import shown_at


def read_video(source: Source, *, rate_hz: float, wanted: Wanted) -> UInt8[np.ndarray, "..."]:
    """Give the frames that are wanted as (time, height, width, 3) uint8 RGB.

    Args:
        source: a file or bytes that FFmpeg opens; or a uint8 array (time, height, width, 3).
        rate_hz: frames per second of arrays; files have the time of every frame.
        wanted: times of the first and the last frame, seconds -> times to look at.

    Raises:
        SampleError: undecodable or truncated, no video in the file, too large, or an array that is not uint8.
    """
    if not isinstance(source, np.ndarray):
        return decode_frames(source, wanted)
    if source.dtype != np.uint8:
        raise SampleError.explain(
            "video array is not uint8",
            got=f"{source.dtype} of shape {source.shape}",
            expected="uint8, 0 to 255",
            fix="(array * 255).round().astype('uint8') if it runs from 0 to 1",
        )
    if source.ndim != 4 or len(source) == 0:
        return source  # the contract words that error
    times = np.arange(len(source)) / rate_hz
    return source[shown_at(times, wanted(times[0], times[-1]))]

"""When, in a video, the frames lie that the tower sees; called by `read`. All times are seconds."""

from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

View = Literal["uniform", "centre", "clips"]
# Half a millisecond: times that are computed differ from those in a file by less, neighbouring frames by more.
TOLERANCE = 5e-4


def wanted_times(
    first: float, last: float, *, view: View, num_frames: int, num_clips: int, stride_seconds: float
) -> Float64[np.ndarray, " frame"]:
    """Times at which to look, increasing within a clip; none before `first` or after `last`, so short videos repeat.

    Args:
        first: when the first frame appears.
        last: when the last one does.
        view: `uniform` spreads `num_frames` from the first frame to the last (LanguageBind; one frame is the middle
            one); `centre` takes them `stride_seconds` apart around the middle; `clips` takes `num_clips` such
            stretches, the first at the start, the last at the end (as pytorchvideo places ImageBind's).
        num_frames: of a clip.
        num_clips: for `clips`.
        stride_seconds: for `centre` and `clips`.
    """
    if view == "uniform":
        return np.linspace(first, last, num_frames) if num_frames > 1 else np.array([(first + last) / 2])
    steps = stride_seconds * np.arange(num_frames)
    surplus = max(0.0, last - first - steps[-1])
    starts = [surplus / 2] if view == "centre" or num_clips == 1 else np.linspace(0, surplus, num_clips)
    return np.concatenate([np.minimum(first + start + steps, last) for start in starts])


def shown_at(times: Float64[np.ndarray, " frame"], wanted: Float64[np.ndarray, " look"]) -> Int64[np.ndarray, " look"]:
    """Which frame is on the screen at each time: the latest that has appeared."""
    return np.maximum(np.searchsorted(times, wanted + TOLERANCE, side="right") - 1, 0)

"""Shows videos in reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import UInt8

from binder.display import Film


def show_video(sample: UInt8[np.ndarray, "time height width 3"]) -> Film:
    """The frames that the tower sees, whose times are those of the view."""
    return Film(frames=sample)


def synthesise_video(seed: int, *, num_frames: int) -> UInt8[np.ndarray, "{num_frames} 48 64 3"]:
    """A coloured disc that crosses a gradient."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:48, 0:64]
    ground = np.stack([rows * chance.uniform(1, 4), columns * chance.uniform(1, 3), rows + columns], axis=-1)
    colour, radius = chance.uniform(0, 255, size=3), chance.uniform(5, 12)
    start, stop = chance.uniform(8, 40, size=(2, 2))
    video = np.repeat(ground[None], num_frames, axis=0)
    for frame, share in zip(video, np.linspace(0, 1, num_frames), strict=True):
        top, left = start + share * (stop - start)
        frame[(rows - top) ** 2 + (columns - left) ** 2 < radius**2] = colour
    return video.clip(0, 255).astype(np.uint8)

"""Draws videos for reports and makes synthetic ones for checks."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

THUMBNAIL = 128  # pixels, longest side of a frame
COLUMNS = 4


def draw_contact_sheet(sample: UInt8[np.ndarray, "time height width 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """The frames in reading order, four in a row; what is left of the last row is black."""
    height, width = sample.shape[1:3]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    frames = [np.asarray(Image.fromarray(np.ascontiguousarray(frame)).resize(size)) for frame in sample]
    columns = min(COLUMNS, len(frames))
    frames += [np.zeros_like(frames[0])] * (-len(frames) % columns)
    rows = [np.concatenate(frames[start : start + columns], axis=1) for start in range(0, len(frames), columns)]
    return np.concatenate(rows)


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
